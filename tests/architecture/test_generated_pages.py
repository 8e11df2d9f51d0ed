"""Pages of the documentation that are written by a program say what the program says now."""

from tools.docs import settings_page


def test_the_page_of_settings_is_up_to_date() -> None:
    written = settings_page.PAGE.read_text(encoding="utf-8")
    assert written == settings_page.page(), "run: python -m tools.docs.settings_page"

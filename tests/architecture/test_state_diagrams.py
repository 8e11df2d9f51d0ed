"""The diagrams of states say what the tables say."""

import json

import pytest

from tools.docs import state_diagrams


def test_the_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert state_diagrams.main(["--check"]) == 0, capsys.readouterr().out


def test_every_row_of_the_tables_is_on_the_page() -> None:
    page = state_diagrams.TARGET.read_text(encoding="utf-8")
    machines = json.loads(state_diagrams.SOURCE.read_text(encoding="utf-8"))["machines"]
    for machine in machines.values():
        for row in machine["transitions"]:
            assert f"| `{row['from']}` | `{row['event']}` | `{row['to']}` | {row['when']} |" in page
            assert f"    {row['from']} --> {row['to']}: " in page


def test_a_page_that_differs_is_reported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(state_diagrams, "HEAD", "# Other words\n")
    assert state_diagrams.main(["--check"]) == 1
    assert "+# Other words" in capsys.readouterr().out

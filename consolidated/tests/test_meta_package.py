"""The meta-package brings both distributions by range and no code of its own."""

from importlib import import_module
from importlib.metadata import distribution, entry_points, version

DISTRIBUTIONS = ("tradewind-server", "tradewind-task-sdk")


def test_both_distributions_and_the_rich_command_line_are_installed() -> None:
    for name in DISTRIBUTIONS:
        assert version(name)
    assert version("rich")


def test_the_meta_package_holds_no_module() -> None:
    files = distribution("tradewind").files or []
    assert [str(file) for file in files if file.suffix == ".py"] == []


def test_both_distributions_share_one_namespace() -> None:
    import tradewind.sdk  # noqa: PLC0415  the import is what is tested
    import tradewind.server  # noqa: PLC0415

    assert not hasattr(tradewind, "__file__") or tradewind.__file__ is None


def test_the_server_adds_its_commands_to_tradewind() -> None:
    table = {entry.name: entry for entry in entry_points(group="tradewind.commands")}["server"].load()
    assert "standalone" in table
    for place, help_line in table.values():
        module, _, attribute = place.partition(":")
        assert callable(getattr(import_module(module), attribute)), place
        assert help_line


def test_the_command_is_on_the_path_of_both() -> None:
    scripts = {entry.name for entry in entry_points(group="console_scripts")}
    assert {"tradewind", "tradewind-server"} <= scripts

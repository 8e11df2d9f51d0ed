"""Settings: where they come from, and how a wrong one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewind.server.settings import SettingsError, home_directory, load_settings


def test_defaults_stand_under_the_home_directory(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    assert settings.database_url == f"sqlite:///{tmp_path}/tradewind.db"
    assert settings.dags_folder == tmp_path / "dags"
    assert settings.key_file == tmp_path / "secret.key"
    assert settings.logs_directory == tmp_path / "logs"
    assert settings.dags.paused_at_creation is False


def test_the_command_line_beats_the_environment_and_that_beats_the_file(tmp_path: Path) -> None:
    (tmp_path / "tradewind.toml").write_text('[api]\nport = 1\nhost = "::1"\n[scheduler]\npoll_seconds = 9\n')
    settings = load_settings(tmp_path, {"TRADEWIND__API__PORT": "2"}, {"api": {"port": 3}})
    assert (settings.api.port, settings.api.host, settings.scheduler.poll_seconds) == (3, "::1", 9)


def test_tables_and_lists_in_the_environment_are_json(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"TRADEWIND__EXECUTORS__COMMAND": '{"pods": ["kubectl", "create"]}'})
    assert settings.executors.command == {"pods": ["kubectl", "create"]}


@pytest.mark.parametrize(
    ("environ", "toml", "words"),
    [
        ({"TRADEWIND__API__PROT": "1"}, "", ["api.prot", "TRADEWIND__API__PROT", "no such setting", "port"]),
        ({"TRADEWIND__APY__PORT": "1"}, "", ["apy", "no such setting", "scheduler"]),
        ({"TRADEWIND__API__PORT": "many"}, "", ["api.port", "TRADEWIND__API__PORT", "integer", "'many'"]),
        ({"TRADEWIND__API__PORT": "70000"}, "", ["api.port", "65535"]),
        ({"TRADEWIND__API": "1"}, "", ["api", "TRADEWIND__API"]),
        ({"TRADEWIND__EXECUTORS__COMMAND": "{oops"}, "", ["executors.command", "JSON"]),
        ({}, "[api]\nport = yes", ["tradewind.toml", "not valid TOML"]),
        ({}, '[database]\nurl = "mysql://u:p@h/d"', ["database.url", "tradewind.toml", "postgresql://"]),
        ({}, '[security]\ngrants = "maybe"', ["security.grants", "audit"]),
        ({}, "[executors.command]\nworker_session = ['x']", ["executors.command", "built-in"]),
        ({}, "[executors.command]\npods = []", ["executors.command", "pods needs at least the program"]),
        ({}, 'home = "/elsewhere"', ["home", "TRADEWIND_HOME"]),
    ],
)
def test_a_wrong_setting_is_named_and_refused(
    tmp_path: Path, environ: dict[str, str], toml: str, words: list[str]
) -> None:
    (tmp_path / "tradewind.toml").write_text(toml)
    with pytest.raises(SettingsError) as refused:
        load_settings(tmp_path, environ)
    for word in words:
        assert word in str(refused.value)


def test_a_password_in_a_wrong_database_url_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(tmp_path, {"TRADEWIND__DATABASE__URL": "mysql://ada:hunter2@h/d"})
    assert "hunter2" not in str(refused.value)


def test_the_public_url_is_one_that_others_can_open(tmp_path: Path) -> None:
    def url(**api: object) -> str:
        return load_settings(tmp_path, {}, {"api": api}).public_url

    assert url(host="0.0.0.0", port=81) == "http://127.0.0.1:81"
    assert url(host="::1", port=81) == "http://[::1]:81"
    assert url(public_url="https://tradewind.example/") == "https://tradewind.example"


def test_the_home_directory_is_named_by_the_environment() -> None:
    assert home_directory({"TRADEWIND_HOME": "/srv/tradewind"}) == Path("/srv/tradewind")
    assert home_directory({}).name == ".tradewind"


@pytest.mark.parametrize(
    ("environ", "toml", "words"),
    [
        ({"TRADEWIND__API__PORT__X": "5"}, "", ["api.port", "TRADEWIND__API__PORT__X"]),
        ({"TRADEWIND__EXECUTORS__COMMAND": "{oops"}, "", ["TRADEWIND__EXECUTORS__COMMAND"]),
        ({"TRADEWIND__EXECUTORS__DEFAULT": "nope"}, "", ["executors", "nope", "worker_session"]),
        ({}, "[workers]\nlease_seconds = 5\nrenew_every_seconds = 5", ["workers", "renew_every_seconds must be less"]),
        ({}, '[api]\npublic_url = "tradewind.example"', ["api.public_url", "https://HOST"]),
    ],
)
def test_settings_that_do_not_go_together_are_refused_with_where_they_stand(
    tmp_path: Path, environ: dict[str, str], toml: str, words: list[str]
) -> None:
    (tmp_path / "tradewind.toml").write_text(toml)
    with pytest.raises(SettingsError) as refused:
        load_settings(tmp_path, environ)
    for word in words:
        assert word in str(refused.value)


def test_a_file_of_settings_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "tradewind.toml").mkdir()
    with pytest.raises(SettingsError, match=r"tradewind\.toml cannot be read"):
        load_settings(tmp_path, {})


def test_an_empty_path_is_none(tmp_path: Path) -> None:
    assert load_settings(tmp_path, {"TRADEWIND__DAGS__FOLDER": ""}).dags_folder == tmp_path / "dags"

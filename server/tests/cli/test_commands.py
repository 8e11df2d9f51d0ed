"""The commands of the control plane, as far as they need no other process."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tradewind.server.cli.config import hide_password
from tradewind.server.cli.main import commands, tradewind_server


def run(*arguments: str, home: Path, **environ: str) -> tuple[int, str]:
    result = CliRunner().invoke(tradewind_server, arguments, env={"TRADEWIND_HOME": str(home), **environ})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


ADMIN_TOKEN = ("tokens", "create", "--role", "admin", "--name", "ann")


@pytest.mark.parametrize("name", sorted(commands))
def test_each_command_of_the_table_exists_and_explains_itself(name: str, tmp_path: Path) -> None:
    assert isinstance(tradewind_server.get_command(click.Context(tradewind_server), name), click.Command)
    code, output = run(name, "--help", home=tmp_path)
    assert code == 0
    assert "Usage:" in output


@pytest.mark.parametrize("role", ["api-server", "scheduler", "dag-processor"])
def test_a_role_by_itself_on_sqlite_is_refused_and_postgresql_named(role: str, tmp_path: Path) -> None:
    code, output = run(role, home=tmp_path)
    assert code == 2
    assert "PostgreSQL" in output
    assert "standalone" in output


@pytest.mark.parametrize("arguments", [("db", "check"), ("db", "migrate"), ADMIN_TOKEN])
def test_a_file_that_is_no_database_is_named_with_what_to_do(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    file = tmp_path / "tradewind.db"
    file.write_bytes(b"garbage " * 4096)
    code, output = run(*arguments, home=tmp_path)
    assert code == 1
    assert f"{file} is no SQLite database" in output
    assert "restore it from a backup" in output
    assert "sqlalche.me" not in output
    assert file.read_bytes() == b"garbage " * 4096


def test_a_database_that_is_damaged_inside_is_named_with_what_to_do(tmp_path: Path) -> None:
    assert run("db", "migrate", home=tmp_path)[0] == 0
    file = tmp_path / "tradewind.db"
    with file.open("r+b") as database:
        database.seek(100)
        database.write(b"\xff" * 8192)
    code, output = run("db", "check", home=tmp_path)
    assert code == 1
    assert f"{file} is damaged" in output
    assert "sqlalche.me" not in output


def test_a_wrong_setting_ends_a_command_with_its_name(tmp_path: Path) -> None:
    code, output = run("config", "show", home=tmp_path, TRADEWIND__API__PROT="1")
    assert code == 2
    assert "api.prot" in output


def test_config_show_prints_defaults_and_hides_passwords(tmp_path: Path) -> None:
    code, output = run("config", "show", home=tmp_path, TRADEWIND__DATABASE__URL="postgresql://ada:hunter2@db/tw")
    shown = json.loads(output)
    assert code == 0
    assert shown["database"]["url"] == "postgresql://ada:***@db/tw"
    assert shown["dags"]["folder"] == str(tmp_path / "dags")


@pytest.mark.parametrize("url", ["sqlite:////srv/t.db", "postgresql://ada@db/tw", "postgresql:///tw?host=/run"])
def test_a_url_without_password_stays_as_it_is(url: str) -> None:
    assert hide_password(url) == url


def test_migrate_makes_the_database_and_check_accepts_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert run("db", "check", home=home)[0] == 1
    assert run("db", "migrate", home=home)[0] == 0
    code, output = run("db", "check", home=home)
    assert (code, "ready" in output) == (0, True)
    assert home.stat().st_mode & 0o077 == 0


def test_a_credential_is_printed_once_and_its_name_taken(tmp_path: Path) -> None:
    assert run("db", "migrate", home=tmp_path)[0] == 0
    code, token = run("tokens", "create", "--role", "worker", "--name", "second", home=tmp_path)
    assert code == 0
    assert token.startswith("tw_")
    assert token.strip().encode() not in (tmp_path / "tradewind.db").read_bytes()
    code, output = run("tokens", "create", "--role", "worker", "--name", "second", home=tmp_path)
    assert code == 2
    assert "second" in output


def test_a_database_that_was_never_migrated_is_refused_and_the_command_named(tmp_path: Path) -> None:
    code, output = run("tokens", "create", "--role", "admin", "--name", "ada", home=tmp_path)
    assert code == 1
    assert "tradewind-server db migrate" in output


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, output = run("db", "migrate", home=tmp_path / "file" / "home")
    assert code == 2
    assert "cannot be" in output
    assert "TRADEWIND_HOME" in output


def test_a_port_that_is_taken_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, output = run("standalone", "--workers", "0", "--port", port, home=tmp_path)
    assert code == 1
    assert "api.port" in output
    assert port in output


def test_a_password_in_the_query_of_a_url_is_hidden() -> None:
    assert hide_password("postgresql://db/tw?user=a&password=s&x=1") == "postgresql://db/tw?user=a&password=***&x=1"

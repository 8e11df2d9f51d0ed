"""Steps between schemas: up, down, and equal to what the code says."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from tradewind.server.store import StoreError, migrate
from tradewind.server.store.postgres import libpq_url
from tradewind.server.store.sqlite import driver
from tradewind.server.store.tables import metadata


def test_a_database_goes_up_and_down(empty_database_url: str) -> None:
    assert migrate.current(empty_database_url) is None
    assert "db migrate" in migrate.check(empty_database_url)[0]
    migrate.upgrade(empty_database_url)
    assert migrate.current(empty_database_url) == migrate.HEAD
    migrate.upgrade(empty_database_url)
    migrate.downgrade(empty_database_url, "base")
    assert migrate.current(empty_database_url) is None
    migrate.upgrade(empty_database_url)
    assert migrate.current(empty_database_url) == migrate.HEAD


def test_the_migrated_schema_is_the_one_of_the_code(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url)
    assert migrate.check(empty_database_url) == []


def test_the_head_known_without_alembic_is_the_last_step() -> None:
    assert migrate.script_directory().get_heads() == [migrate.HEAD]


def sqlite_schema(path: Path) -> dict[str, list[str]]:
    """Statement of each table and index as a sorted list of its parts, which does not depend on their order.

    A default is left out: a required column that a step adds must have one, and no insert makes use of it.
    """
    connection = driver.connect(str(path))
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {
        name: sorted(re.sub(r"DEFAULT ('[^']*'|[0-9.]+)", " ", statement).replace(",", " ").split())
        for name, statement in rows
        if name != "alembic_version"
    }


def test_indexes_and_checks_of_the_steps_are_those_of_the_code_on_sqlite(tmp_path: Path) -> None:
    migrate.upgrade(f"sqlite:///{tmp_path / 'migrated.db'}")
    engine = create_engine(f"sqlite:///{tmp_path / 'created.db'}", module=driver)
    metadata.create_all(engine)
    engine.dispose()
    assert sqlite_schema(tmp_path / "migrated.db") == sqlite_schema(tmp_path / "created.db")


def postgres_schema(url: str) -> tuple[dict[str, str], dict[str, str]]:
    with psycopg.connect(libpq_url(url)) as connection:
        indexes: dict[str, str] = dict(
            connection.execute("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'").fetchall()
        )
        constraints: dict[str, str] = dict(
            connection.execute(
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
                "WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"
            ).fetchall()
        )
    indexes.pop("alembic_version_pkc", None)
    constraints.pop("alembic_version_pkc", None)
    return indexes, constraints


def test_indexes_and_checks_of_the_steps_are_those_of_the_code_on_postgresql(empty_postgres_url: str) -> None:
    migrate.upgrade(empty_postgres_url)
    migrated = postgres_schema(empty_postgres_url)
    migrate.downgrade(empty_postgres_url, "base")
    engine = create_engine(libpq_url(empty_postgres_url).replace("postgresql:", "postgresql+psycopg:"))
    metadata.create_all(engine)
    engine.dispose()
    assert postgres_schema(empty_postgres_url) == migrated


def test_a_newer_schema_is_left_alone(database_url: str) -> None:
    set_revision(database_url, "9999")
    with pytest.raises(StoreError, match="newer version"):
        migrate.upgrade(database_url)
    assert migrate.current(database_url) == "9999"


def test_two_migrations_at_once_wait_for_each_other(empty_database_url: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(migrate.upgrade, [empty_database_url] * 2))
    assert migrate.check(empty_database_url) == []


def set_revision(url: str, revision: str) -> None:
    if url.startswith("sqlite"):
        engine = create_engine(url, module=driver)
    else:
        engine = create_engine(libpq_url(url).replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    engine.dispose()

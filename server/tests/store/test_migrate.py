"""Steps between schemas: up, down, and equal to what the code says."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, MetaData, Table, create_engine, text

from tradewind.server.secrets import Cipher
from tradewind.server.store import Store, StoreError, migrate, schema
from tradewind.server.store.postgres import libpq_url
from tradewind.server.store.sqlite import SqliteDatabase, driver
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


def sqlite_rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of each table, their columns by name."""
    connection = driver.connect(str(path))
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = {}
    for name in names:
        columns = sorted(row[1] for row in connection.execute(f"PRAGMA table_info({name})"))
        rows[name] = connection.execute(f"SELECT {', '.join(columns)} FROM {name}").fetchall()
    connection.close()
    return rows


def test_an_empty_sqlite_file_gets_what_the_steps_lead_to_without_them(tmp_path: Path) -> None:
    migrated, created = tmp_path / "migrated.db", tmp_path / "created.db"
    migrate.upgrade(f"sqlite:///{migrated}")
    for _ in range(2):
        schema.create_if_empty(SqliteDatabase(f"sqlite:///{created}"))
    assert migrate.check(f"sqlite:///{created}") == []
    assert sqlite_rows(created) == sqlite_rows(migrated)
    migrate.downgrade(f"sqlite:///{created}", "base")
    assert migrate.current(f"sqlite:///{created}") is None


def test_a_sqlite_file_with_an_older_schema_is_left_to_the_steps(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'metadata.db'}"
    migrate.upgrade(url, "0001")
    schema.create_if_empty(SqliteDatabase(url))
    assert migrate.current(url) == "0001"
    Store.open(url, cipher=Cipher.open(tmp_path / "key"), migrate=True).close()
    assert migrate.check(url) == []


def test_a_control_plane_on_sqlite_loads_neither_the_steps_nor_the_driver_of_postgresql(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from tradewind.server import standalone
from tradewind.server.secrets import Cipher
from tradewind.server.store import Store
home = Path(sys.argv[1])
Store.open(f"sqlite:///{home / 'metadata.db'}", cipher=Cipher.open(home / "key"), migrate=True).close()
print(sorted({"alembic", "psycopg", "pydantic.v1"} & {name for name, module in sys.modules.items() if module}))
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


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


def required_values(table: Table, **values: Any) -> dict[str, Any]:
    """Values of a row: something for each column that must have one."""
    some = {bool: False, int: 1, float: 1.0, str: "x", datetime: datetime(2026, 1, 1, tzinfo=UTC)}
    needed = {column.name: some[column.type.python_type] for column in table.columns if not column.nullable}
    return {**needed, **values}


def test_tries_and_dispatches_survive_the_steps_up_and_down(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url, "0001")
    engine = engine_of(empty_database_url)
    old = MetaData()
    old.reflect(engine)
    with engine.begin() as connection:
        for table, values in (
            ("dag_version", {"pk": 1}),
            ("dag_run", {"pk": 1, "state": "running", "dag_version_pk": 1}),
            ("task_instance", {"pk": 1, "run_pk": 1, "state": "running"}),
            ("task_try", {"try_id": "first", "try_number": 1, "state": "lost", "hostname": "host", "pid": 4711}),
            ("task_try", {"try_id": "second", "try_number": 2, "state": "running"}),
            ("dispatch", {"dispatch_id": "over", "activity_id": "first", "instance_pk": 1}),
            ("dispatch", {"dispatch_id": "live", "activity_id": "second", "instance_pk": 1}),
        ):
            connection.execute(old.tables[table].insert(), required_values(old.tables[table], **values))
            if values.get("dispatch_id") == "over":
                connection.execute(text("UPDATE dispatch SET ended_at = claimed_at"))
    tries = text("SELECT try_id, try_number, state, hostname, pid FROM task_try ORDER BY try_id")
    migrate.upgrade(empty_database_url)
    with engine.begin() as connection:
        assert [tuple(row) for row in connection.execute(tries)] == [
            ("first", 1, "lost", "host", 4711),
            ("second", 2, "running", None, None),
        ]
        gone = text("SELECT dispatch_id, gone_at = ended_at FROM dispatch ORDER BY dispatch_id")
        assert [tuple(row) for row in connection.execute(gone)] == [("live", None), ("over", True)]
        connection.execute(text("UPDATE task_try SET state = 'stopped' WHERE try_id = 'second'"))
    migrate.downgrade(empty_database_url, "0001")
    with engine.begin() as connection:
        assert [row.state for row in connection.execute(tries)] == ["lost", "lost"]
    engine.dispose()


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
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    engine.dispose()


def engine_of(url: str) -> Engine:
    if url.startswith("sqlite"):
        return create_engine(url, module=driver)
    return create_engine(libpq_url(url).replace("postgresql:", "postgresql+psycopg:"))

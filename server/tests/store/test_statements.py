"""Cost: what runs for each task finds its rows by an index, however many others there are."""

import importlib
import pkgutil
from collections.abc import Iterator

from sqlalchemy import Executable, create_engine
from sqlalchemy.exc import CompileError
from sqlalchemy.sql.dml import Insert

from tradewind.server import store
from tradewind.server.store.dispatches.held import _DISPATCHES
from tradewind.server.store.sqlite import driver
from tradewind.server.store.statements import PerDialect
from tradewind.server.store.tables import metadata

LIVE = (
    "dispatches.",
    "limits",
    "scheduling",
    "revisions",
    "sessions",
    "takeovers",
    "session_rows",
    "xcoms",
    "receipts",
    "runs.create",
)
"""Modules that work for tasks; the others list for people."""

SCANS_OF_WHAT_IS_OPEN = {
    # The condition of a partial index: these read open sessions.
    ("takeovers", "_WATCHED"),
    ("takeovers", "_SESSIONS"),
    ("takeovers", "_SILENT_SESSIONS"),
    ("sessions", "_LIST"),
    # The same with dispatches that a broker has and nobody started.
    ("dispatches.lookup", "_NOT_STARTED"),
    # A recursion over the queues that something waits in, and one over the lanes of a queue.
    ("dispatches.claim_walk", "_ALL_QUEUES"),
    ("dispatches.claim_walk", "_LANES"),
}
NO_TABLES = ("json_each VIRTUAL TABLE INDEX 1:", "CONSTANT ROW")
PARTS = {("scheduling.dirty", "_RUNS"), ("sessions", "_LIVE_COLUMNS")}
"""Made into statements by others and never run."""


def statements() -> Iterator[tuple[str, str, Executable]]:
    for info in pkgutil.walk_packages(store.__path__, f"{store.__name__}."):
        module = info.name.removeprefix(f"{store.__name__}.")
        if not module.startswith(LIVE):
            continue
        for name, value in vars(importlib.import_module(info.name)).items():
            statement = value.sqlite if isinstance(value, PerDialect) else value
            if isinstance(statement, Executable) and not isinstance(statement, Insert) and name.startswith("_"):
                yield module, name, statement


def test_no_statement_that_runs_for_a_task_reads_a_whole_table() -> None:
    engine = create_engine("sqlite://", module=driver)
    metadata.create_all(engine)
    found: dict[tuple[str, str], list[str]] = {}
    checked = 0
    with engine.connect() as connection:
        for module, name, statement in statements():
            try:
                text = str(statement.compile(dialect=engine.dialect))  # type: ignore[attr-defined]
            except CompileError:
                continue
            if not text.startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
                continue
            checked += 1
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", (None,) * text.count("?")).all()
            scans = [row[3] for row in rows if row[3].startswith("SCAN") and not row[3].endswith(NO_TABLES)]
            if scans:
                found[module, name] = scans
    engine.dispose()
    assert checked > 50
    assert set(found) == SCANS_OF_WHAT_IS_OPEN | PARTS


def test_a_set_of_any_size_is_one_parameter() -> None:
    text = str(_DISPATCHES.compile(dialect=create_engine("sqlite://", module=driver).dialect))
    assert text.count("?") == 1

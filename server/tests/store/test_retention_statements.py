"""Cost: looking for what is old finds it by an index, however much there is that is young."""

import importlib
import pkgutil
from collections.abc import Iterator

from sqlalchemy import Executable, create_engine
from sqlalchemy.exc import CompileError
from sqlalchemy.sql.dml import Insert

from tradewind.server.store import retention
from tradewind.server.store.postgres import libpq_url
from tradewind.server.store.retention import code, finished_runs, handouts, trail
from tradewind.server.store.sqlite import driver
from tradewind.server.store.statements import PerDialect
from tradewind.server.store.tables import metadata

from .timetabled import NOON

SMALL_TABLES = {
    # One row for each DAG, file, bundle or API process; runs that are just being deleted.
    ("code", "_CURRENT"),
    ("code", "_OF_DAGS"),
    ("code", "_OF_FILES"),
    ("finished_runs", "_MARKED"),
    ("handouts", "_DELETE_PROCESSES"),
    # Keys of all snapshots, from an index.
    ("code", "_KEYS"),
    # In the order of their keys, and no further than asked for.
    ("removal", "_NEXT"),
    ("trail", "_OLDEST"),
    # The condition of a partial index: refused calls, of which a bounded number is kept.
    ("trail", "_LAST_TO_GO"),
}
COUNTED_FOR_PEOPLE = ("preview",)
NO_TABLES = ("json_each VIRTUAL TABLE INDEX 1:", "CONSTANT ROW")


def statements() -> Iterator[tuple[str, str, Executable | PerDialect]]:
    for info in pkgutil.iter_modules(retention.__path__):
        if info.name in COUNTED_FOR_PEOPLE:
            continue
        module = importlib.import_module(f"{retention.__name__}.{info.name}")
        for name, value in vars(module).items():
            if isinstance(value, Executable | PerDialect) and not isinstance(value, Insert) and name.startswith("_"):
                yield info.name, name, value


def test_no_statement_of_retention_reads_a_whole_table() -> None:
    engine = create_engine("sqlite://", module=driver)
    metadata.create_all(engine)
    found: dict[tuple[str, str], list[str]] = {}
    checked = 0
    with engine.connect() as connection:
        for module, name, statement in statements():
            try:
                known = statement.sqlite if isinstance(statement, PerDialect) else statement
                compiled = str(known.compile(dialect=engine.dialect))  # type: ignore[attr-defined]
            except CompileError:
                continue
            if not compiled.startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
                continue
            checked += 1
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", (None,) * compiled.count("?")).all()
            scans = [row[3] for row in rows if row[3].startswith("SCAN") and not row[3].endswith(NO_TABLES)]
            if scans:
                found[module, name] = scans
    engine.dispose()
    assert checked > 40
    assert set(found) == SMALL_TABLES


LONG_AGO = {"before": NOON, "after": NOON, "after_pk": 1, "most": 10, "moment": NOON, "run": 1, "dag_id": "d"}
INDEXES_ON_POSTGRESQL = {
    (finished_runs._CANDIDATES, "ix_dag_run_ended"),
    (finished_runs._LAST_SCHEDULED, "ix_dag_run_scheduled"),
    (finished_runs._NEWEST_ENDED, "ix_dag_run_by_dag"),
    (finished_runs._NEXT_DATED, "uq_dag_run_logical_date"),
    (finished_runs._NEXT_UNDATED, "ix_dag_run_undated"),
    (code._OF_RUN, "ix_dag_run_snapshot"),
    (code._OF_PARSE, "ix_parse_snapshot"),
    (code._OLD_SNAPSHOTS, "ix_snapshot_created_at_bundle_digest"),
    (handouts._DISPATCHES, "ix_dispatch_parse"),
    (trail._LAST_TO_GO, "ix_audit_refused"),
}


def test_retention_takes_its_indexes_on_postgresql(postgres_url: str) -> None:
    engine = create_engine(libpq_url(postgres_url).replace("postgresql:", "postgresql+psycopg:"))
    values = {**LONG_AGO, "digest": "x", "kept": 10, "parses": ["x"]}
    wrong = []
    with engine.connect() as connection:
        # Tables are empty: whatever can take an index shall.
        connection.exec_driver_sql("SET enable_seqscan = off")
        for statement, index in INDEXES_ON_POSTGRESQL:
            compiled = statement.compile(dialect=engine.dialect)
            wanted = compiled.construct_params({name: values[name] for name in compiled.params if name in values})
            explained = connection.exec_driver_sql(f"EXPLAIN {compiled}", wanted).all()
            if not any(index in row[0] for row in explained):
                wrong.append((index, explained))
    engine.dispose()
    assert wrong == []

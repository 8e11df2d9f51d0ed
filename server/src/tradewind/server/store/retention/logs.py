"""What the log store may forget: logs of runs and of parses that are not there any more."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam as bind
from sqlalchemy import select

from tradewind.server.store.statements import within
from tradewind.server.store.tables import dag_run, parse
from tradewind.server.store.transaction import Transaction

_RUNS = select(dag_run.c.run_id).where(dag_run.c.dag_id == bind("dag_id"), within(dag_run.c.run_id, "runs"))
_PARSES = select(parse.c.parse_id).where(within(parse.c.parse_id, "parses"))


def known_runs(tx: Transaction, dag_id: str, run_ids: Collection[str]) -> set[str]:
    """Those of the names that runs of a DAG have."""
    return {row.run_id for row in tx.rows(_RUNS, {"dag_id": dag_id, "runs": list(run_ids)})}


def known_parses(tx: Transaction, parse_ids: Collection[str]) -> set[str]:
    """Those of the parses that are there."""
    return {row.parse_id for row in tx.rows(_PARSES, {"parses": list(parse_ids)})}

"""Claiming of parses: oldest first, one of a file at a time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam as bind
from sqlalchemy import exists, select, text

from tradewind.server.store.dispatches.activities import PARSE_COLUMNS, parse_dag_file
from tradewind.server.store.dispatches.claim_records import handout_of, write_parses
from tradewind.server.store.dispatches.takers import Handouts, Takers
from tradewind.server.store.handouts import Handout
from tradewind.server.store.tables import parse
from tradewind.server.store.transaction import Transaction

_OTHER = parse.alias("other")
# One parse of a file at a time: a file that loops while its bundle changes would take all places otherwise.
_IN_HAND = exists().where(
    _OTHER.c.bundle == parse.c.bundle,
    _OTHER.c.file == parse.c.file,
    text("other.state IN ('queued', 'running') AND other.state IN ('scheduled', 'queued', 'running')"),
)
_PARSES = (
    select(*PARSE_COLUMNS)
    .where(parse.c.state == text("'scheduled'"), parse.c.executor == bind("executor"), ~_IN_HAND)
    .order_by(parse.c.scheduled_at, parse.c.parse_id)
    .limit(bind("most"))
    .with_for_update(of=parse, skip_locked=True)
)


def claim_parses(tx: Transaction, executor: str, takers: Takers) -> Handouts:
    """Hand waiting parses of an executor out.

    Args:
        tx: a transaction that writes.
        executor: executor of the parses.
        takers: who takes them.
    """
    rows = tx.rows(_PARSES, {"executor": executor, "most": takers.free(None)})
    dealt: list[tuple[Any, Handout]] = [(row, handout_of(tx, parse_dag_file(row), takers.take(None))) for row in rows]
    write_parses(tx, dealt)
    return Handouts(handout for _, handout in dealt)

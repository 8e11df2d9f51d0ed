"""Deletes parses that have ended, and worker sessions that nothing refers to any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, exists, or_, select, text
from sqlalchemy import bindparam as bind

from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.retention.plan import ROWS_PER_STEP, Deleted, RetentionPlan
from tradewind.server.store.statements import within
from tradewind.server.store.tables import api_process, dag_file, dispatch, operation_receipt, parse, worker_session
from tradewind.server.store.transaction import Transaction

CLOCKS_DIFFER: Final = timedelta(minutes=10)
"""How far the clock of the process that made an identity may be ahead of the store's."""

_IS_KNOWN = exists().where(
    dag_file.c.bundle == parse.c.bundle,
    dag_file.c.file == parse.c.file,
    or_(dag_file.c.parse_id == parse.c.parse_id, dag_file.c.recorded_parse_id == parse.c.parse_id),
)
_PARSES = (
    select(
        parse.c.parse_id,
        and_(
            text("parse.state IN ('ended', 'dropped')"),
            parse.c.ended_at < bind("before", type_=UtcDateTime()),
            ~_IS_KNOWN,
        ).label("is_over"),
    )
    .where(parse.c.parse_id > bind("after"), parse.c.parse_id < bind("bound"))
    .order_by(parse.c.parse_id)
    .limit(bind("most"))
)
_DISPATCHES = select(dispatch.c.dispatch_id, dispatch.c.gone_at, dispatch.c.activity_id).where(
    text("dispatch.kind = 'parse_dag_file'"), within(dispatch.c.activity_id, "parses")
)
_DELETE_RECEIPTS = operation_receipt.delete().where(within(operation_receipt.c.dispatch_id, "dispatches"))
_DELETE_DISPATCHES = dispatch.delete().where(within(dispatch.c.dispatch_id, "dispatches"))
_DELETE_PARSES = parse.delete().where(within(parse.c.parse_id, "parses"))
_SESSIONS = (
    select(
        worker_session.c.session_id,
        and_(
            worker_session.c.closed_at.is_not(None), worker_session.c.closed_at < bind("before", type_=UtcDateTime())
        ).label("is_over"),
    )
    .where(worker_session.c.session_id > bind("after"), worker_session.c.session_id < bind("bound"))
    .order_by(worker_session.c.session_id)
    .limit(bind("most"))
)
_USED = (
    select(dispatch.c.dispatch_id, dispatch.c.session_id)
    .where(dispatch.c.dispatch_id > bind("after"), dispatch.c.dispatch_id < bind("bound"))
    .order_by(dispatch.c.dispatch_id)
    .limit(bind("most"))
)
_DELETE_SESSIONS = worker_session.delete().where(
    within(worker_session.c.session_id, "sessions"), worker_session.c.closed_at < bind("before", type_=UtcDateTime())
)
_DELETE_PROCESSES = api_process.delete().where(api_process.c.alive_until < bind("before", type_=UtcDateTime()))


def remove_parses(tx: Transaction, plan: RetentionPlan, after: str | None) -> Deleted:
    """Delete parses that ended long ago with their dispatches, but for the last one of each file."""
    rows = _old_parses(tx, plan, after)
    if not rows:
        return Deleted()
    over = {row.parse_id for row in rows if row.is_over}
    found = tx.rows(_DISPATCHES, {"parses": sorted(over)}) if over else []
    over -= {row.activity_id for row in found if row.gone_at is None}
    deleted: dict[str, int] = {}
    dispatches = sorted(row.dispatch_id for row in found if row.activity_id in over)
    if dispatches:
        deleted["operation_receipt"] = tx.change(_DELETE_RECEIPTS, {"dispatches": dispatches})
        deleted["dispatch"] = tx.change(_DELETE_DISPATCHES, {"dispatches": dispatches})
    if over:
        deleted["parse"] = tx.change(_DELETE_PARSES, {"parses": sorted(over)})
    return Deleted(deleted, after=rows[-1].parse_id)


def old_parses(tx: Transaction, plan: RetentionPlan) -> Iterator[str]:
    """Parses that ended long ago, but for the last one of each file."""
    after: str | None = None
    while rows := _old_parses(tx, plan, after):
        yield from (row.parse_id for row in rows if row.is_over)
        after = rows[-1].parse_id


def _old_parses(tx: Transaction, plan: RetentionPlan, after: str | None) -> Sequence[Any]:
    if plan.parses is None or plan.dag_ids:
        return ()
    before = tx.now - plan.parses
    values = {"before": before, "after": after or "", "bound": first_identity(before + CLOCKS_DIFFER)}
    return tx.rows(_PARSES, {**values, "most": ROWS_PER_STEP // 2})


def sessions_kept_for(plan: RetentionPlan) -> timedelta | None:
    """How long worker sessions are kept after their end: as long as anything that they had in hand."""
    if plan.runs is None or plan.parses is None or plan.dag_ids:
        return None
    return max(plan.runs, plan.parses)


def used_sessions(
    tx: Transaction, plan: RetentionPlan, after: str | None, *, most: int = 2000
) -> tuple[set[str], str | None]:
    """Sessions that old dispatches refer to, a page at a time.

    Returns:
        The sessions, and where the next page begins; None when there is none.
    """
    age = sessions_kept_for(plan)
    if age is None:
        return set(), None
    bound = first_identity(tx.now - age + CLOCKS_DIFFER)
    rows = tx.rows(_USED, {"after": after or "", "bound": bound, "most": most})
    used = {row.session_id for row in rows if row.session_id is not None}
    return used, rows[-1].dispatch_id if len(rows) == most else None


def remove_sessions(tx: Transaction, plan: RetentionPlan, used: set[str], after: str | None) -> Deleted:
    """Delete worker sessions that ended long ago.

    Args:
        tx: a transaction that writes.
        plan: what is to be kept.
        used: those of `used_sessions`.
        after: where the step before this one ended.
    """
    age = sessions_kept_for(plan)
    if age is None:
        return Deleted()
    before = tx.now - age
    values = {"before": before, "after": after or "", "bound": first_identity(before + CLOCKS_DIFFER)}
    rows = tx.rows(_SESSIONS, {**values, "most": ROWS_PER_STEP})
    if not rows:
        return Deleted()
    over = [row.session_id for row in rows if row.is_over and row.session_id not in used]
    number = tx.change(_DELETE_SESSIONS, {"sessions": over, "before": before}) if over else 0
    return Deleted({"worker_session": number} if number else {}, after=rows[-1].session_id)


def remove_api_processes(tx: Transaction, plan: RetentionPlan, _after: Any) -> Deleted:
    """Delete the signs of life of API processes that ended long ago without a word."""
    if plan.parses is None or plan.dag_ids:
        return Deleted()
    number = tx.change(_DELETE_PROCESSES, {"before": tx.now - plan.parses})
    return Deleted({"api_process": number} if number else {})


def first_identity(moment: datetime) -> str:
    """What all identities (see `identity`) that are made from a moment on sort behind."""
    digits = f"{max(0, int(moment.timestamp() * 1000)):012x}"
    return f"{digits[:8]}-{digits[8:]}"

"""Deletes entries of the audit trail: those that are old, and the oldest ones about refused calls."""

from __future__ import annotations

import itertools
from typing import Any, Final

from sqlalchemy import bindparam as bind
from sqlalchemy import func, select, text

from tradewind.server.store.retention.plan import ROWS_PER_STEP, Deleted, RetentionPlan
from tradewind.server.store.statements import within
from tradewind.server.store.tables import audit
from tradewind.server.store.transaction import Transaction

REFUSED: Final = "refused"
"""Action of entries about refused calls. Whoever can reach the API can cause them, so that their number is bounded."""

_IS_REFUSAL = text("audit.action = 'refused'")
_OLDEST = select(audit.c.id, audit.c.at).order_by(audit.c.id).limit(bind("most"))
_LAST_TO_GO = select(audit.c.id).where(_IS_REFUSAL).order_by(audit.c.id.desc()).limit(1).offset(bind("kept"))
_TO_GO = select(func.count()).select_from(audit).where(_IS_REFUSAL, audit.c.id <= bind("last"))
_REFUSALS = select(audit.c.id).where(_IS_REFUSAL, audit.c.id <= bind("last")).order_by(audit.c.id).limit(bind("most"))
_DELETE = audit.delete().where(within(audit.c.id, "ids"))


def remove_audit(tx: Transaction, plan: RetentionPlan, _after: Any) -> Deleted:
    """Delete entries that are older than the age; they stand in the order of their moments."""
    if plan.audit is None or plan.dag_ids:
        return Deleted()
    before = tx.now - plan.audit
    rows = itertools.takewhile(lambda row: row.at < before, tx.rows(_OLDEST, {"most": ROWS_PER_STEP}))
    return _delete(tx, [row.id for row in rows])


def remove_refusals(tx: Transaction, plan: RetentionPlan, _after: Any) -> Deleted:
    """Delete entries about refused calls but for the newest ones."""
    if plan.refused_calls is None or plan.dag_ids:
        return Deleted()
    last = tx.value(_LAST_TO_GO, {"kept": plan.refused_calls})
    if last is None:
        return Deleted()
    return _delete(tx, [row.id for row in tx.rows(_REFUSALS, {"last": last, "most": ROWS_PER_STEP})])


def count_refusals_to_go(tx: Transaction, plan: RetentionPlan) -> int:
    """Number of entries about refused calls that are too many."""
    last = None if plan.refused_calls is None else tx.value(_LAST_TO_GO, {"kept": plan.refused_calls})
    number: int = 0 if last is None else tx.value(_TO_GO, {"last": last})
    return number


def _delete(tx: Transaction, ids: list[int]) -> Deleted:
    if not ids:
        return Deleted()
    number = tx.change(_DELETE, {"ids": ids})
    return Deleted({"audit": number}, after=True if len(ids) == ROWS_PER_STEP else None)

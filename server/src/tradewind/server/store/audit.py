"""The audit trail: who did what that an auditor may ask about."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam as bind
from sqlalchemy import func, select

from tradewind.server.store.rows import AuditRow, Page
from tradewind.server.store.tables import audit
from tradewind.server.store.transaction import Transaction

_INSERT = audit.insert()
_PAGE = select(audit).order_by(audit.c.id.desc()).limit(bind("most")).offset(bind("skip"))
_TOTAL = select(func.count()).select_from(audit)


def append(
    tx: Transaction,
    *,
    actor: str,
    action: str,
    subject: str,
    detail: dict[str, Any] | None = None,
    dispatch_id: str | None = None,
) -> None:
    """Add an entry.

    Args:
        tx: a transaction that writes.
        actor: who did it, such as `task:<dag>/<task>` or `user:<name>`.
        action: what was done, such as `read_variable`.
        subject: what it was done to, such as the key of the variable.
        detail: anything else worth knowing; no secrets.
        dispatch_id: the dispatch that it was done for.
    """
    row = {
        "at": tx.now,
        "actor": actor,
        "action": action,
        "subject": subject,
        "dispatch_id": dispatch_id,
        "detail": detail or {},
    }
    tx.change(_INSERT, row)


def list_audit(tx: Transaction, *, limit: int = 100, offset: int = 0) -> Page[AuditRow]:
    """Entries, newest first."""
    rows = tx.rows(_PAGE, {"most": limit, "skip": offset})
    return Page([AuditRow(**row._asdict()) for row in rows], tx.value(_TOTAL))

"""Bearer tokens of people and workers; the database holds nothing that a token could be made from."""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import bindparam as bind
from sqlalchemy import select

from tradewind.server.contract import ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.identity import uuid7
from tradewind.server.store.rows import CredentialRow, Role
from tradewind.server.store.statements import insert_ignore
from tradewind.server.store.tables import credential
from tradewind.server.store.transaction import Transaction
from tradewind.server.store.words import name as checked_name

PREFIX = "tw_"
ROLES: tuple[Role, ...] = ("admin", "viewer", "worker")

_COLUMNS = select(
    credential.c.id, credential.c.name, credential.c.role, credential.c.created_at, credential.c.revoked_at
)
_BY_TOKEN = _COLUMNS.where(credential.c.token_sha256 == bind("token_sha256"))
_BY_NAME = _COLUMNS.where(credential.c.name == bind("name"))
_ALL = _COLUMNS.order_by(credential.c.name)
_INSERT = insert_ignore(credential)
_REVOKE = (
    credential.update()
    .where(credential.c.name == bind("of"), credential.c.revoked_at.is_(None))
    .values(revoked_at=bind("at", type_=UtcDateTime()))
)
_REPLACE = (
    credential.update()
    .where(credential.c.name == bind("of"))
    .values(role=bind("role"), token_sha256=bind("token_sha256"), revoked_at=None)
)


def hash_token(token: str) -> str:
    """What is kept of a token. It has 256 random bits, so that a plain hash suffices."""
    return hashlib.sha256(token.encode()).hexdigest()


def create_credential(tx: Transaction, name: str, role: Role) -> str:
    """Make a credential and return its token, which cannot be shown again.

    Raises:
        Refused: `already_exists`, or `invalid_value` for the name or role.
    """
    token = PREFIX + secrets.token_urlsafe(32)
    if not _insert(tx, name, role, hash_token(token)):
        raise Refused(
            ProblemReason.ALREADY_EXISTS,
            f"there is a credential named {name}",
            field="name",
            action="choose another name",
        )
    return token


def ensure_credential(tx: Transaction, name: str, role: Role, token_sha256: str) -> CredentialRow:
    """Make a credential for a token that exists already, or give an existing one this token and role."""
    if not _insert(tx, name, role, token_sha256):
        tx.change(_REPLACE, {"of": name, "role": role, "token_sha256": token_sha256})
    row = tx.row(_BY_NAME, {"name": name})
    if row is None:
        raise Refused(ProblemReason.CONFLICT, f"another credential than {name} has this token", field="name")
    return CredentialRow(**row._asdict())


def find_credential(tx: Transaction, token_sha256: str) -> CredentialRow | None:
    """The credential of a token, also when it is revoked."""
    row = tx.row(_BY_TOKEN, {"token_sha256": token_sha256})
    return None if row is None else CredentialRow(**row._asdict())


def list_credentials(tx: Transaction) -> list[CredentialRow]:
    """All credentials by name."""
    return [CredentialRow(**row._asdict()) for row in tx.rows(_ALL)]


def revoke_credential(tx: Transaction, name: str) -> bool:
    """Make a token worthless; False when there is no such credential that is not revoked."""
    return tx.change(_REVOKE, {"of": name, "at": tx.now}) > 0


def _insert(tx: Transaction, name: str, role: Role, token_sha256: str) -> bool:
    if role not in ROLES:
        raise Refused(
            ProblemReason.INVALID_VALUE, f"role must be one of {', '.join(ROLES)}, got {role!r}", field="role"
        )
    values = {
        "id": uuid7(),
        "name": checked_name(name, field="name"),
        "role": role,
        "token_sha256": token_sha256,
        "created_at": tx.now,
    }
    return tx.change(_INSERT, values) > 0

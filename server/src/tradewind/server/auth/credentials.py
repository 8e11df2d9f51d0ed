"""Credentials: the bearer tokens of workers and of users of the public API, and what each role may call."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tradewind.server.auth.principals import UserPrincipal, WorkerPrincipal
from tradewind.server.contract import ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import credentials

if TYPE_CHECKING:
    from tradewind.server.store import Transaction
    from tradewind.server.store.rows import CredentialRow

_FORM: Final = re.compile(r"tw_[A-Za-z0-9_-]{43}")
_CREATE: Final = "create one with tradewind-server tokens create"


def bearer_token(authorization: str | None) -> str:
    """The token of an `Authorization` header (RFC 6750).

    Raises:
        Refused: missing_token or malformed_token.
    """
    if authorization is None:
        raise Refused(
            ProblemReason.MISSING_TOKEN,
            "this call needs a token",
            field="Authorization",
            action="send the header Authorization: Bearer TOKEN",
        )
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Refused(
            ProblemReason.MALFORMED_TOKEN,
            "the header Authorization has another form than Bearer TOKEN",
            field="Authorization",
            action="send the header Authorization: Bearer TOKEN",
        )
    return token


def find_worker(tx: Transaction, token: str) -> WorkerPrincipal:
    """The worker that a credential belongs to.

    Raises:
        Refused: malformed_token, unknown_credential or revoked_credential; not_allowed for another role.
    """
    credential = _find(tx, token)
    if credential.role != "worker":
        raise Refused(
            ProblemReason.NOT_ALLOWED,
            f"a credential of role {credential.role} may not act as a worker",
            action=f"use a credential of role worker; {_CREATE} --role worker",
        )
    return WorkerPrincipal(credential)


def find_user(tx: Transaction, token: str, *, writes: bool) -> UserPrincipal:
    """The user of the public API that a credential belongs to.

    Args:
        tx: the read or write that the answer is part of.
        token: from `bearer_token`.
        writes: whether the call changes anything; a viewer only reads.

    Raises:
        Refused: malformed_token, unknown_credential or revoked_credential; not_allowed for a role that may not.
    """
    credential = _find(tx, token)
    if credential.role != "admin" and (writes or credential.role != "viewer"):
        needed = "admin" if writes else "admin or viewer"
        raise Refused(
            ProblemReason.NOT_ALLOWED,
            f"a credential of role {credential.role} may not call this",
            action=f"use a credential of role {needed}; {_CREATE} --role admin",
        )
    return UserPrincipal(credential)


def _find(tx: Transaction, token: str) -> CredentialRow:
    if _FORM.fullmatch(token) is None:
        raise Refused(
            ProblemReason.MALFORMED_TOKEN,
            "this is no credential: those begin with tw_ and have 43 characters more",
            field="Authorization",
            action=f"use a credential; {_CREATE}",
        )
    credential = credentials.find_credential(tx, credentials.hash_token(token))
    if credential is None:
        raise Refused(
            ProblemReason.UNKNOWN_CREDENTIAL,
            "no such credential exists here",
            field="Authorization",
            action=f"check the token and the server; {_CREATE}",
        )
    if credential.revoked:
        raise Refused(
            ProblemReason.REVOKED_CREDENTIAL,
            f"the credential {credential.name} is revoked",
            field="Authorization",
            action=_CREATE,
        )
    return credential

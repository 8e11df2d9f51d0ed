"""Names from outside that become keys of rows."""

from __future__ import annotations

import re

from tradewind.server.contract import ProblemReason
from tradewind.server.domain.refusals import Refused

_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,100}")


def storable(text: str, *, field: str) -> str:
    """The text itself, which may be a key on both databases.

    Raises:
        Refused: `invalid_value`: it holds the character NUL, which PostgreSQL cannot store.
    """
    if "\0" in text:
        raise Refused(ProblemReason.INVALID_VALUE, f"{field} holds the character NUL; leave it out", field=field)
    return text


def name(text: str, *, field: str) -> str:
    """The text itself, which is a name as the contract has them for workers and queues.

    Raises:
        Refused: `invalid_value`.
    """
    if not _NAME.fullmatch(text):
        detail = f"{field} must have 1 to 100 letters, digits or any of _ . -, got {text!r}"
        raise Refused(ProblemReason.INVALID_VALUE, detail, field=field)
    return text

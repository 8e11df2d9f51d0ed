"""Which version of the contract a request speaks."""

from __future__ import annotations

from typing import Final

from tradewind.server.contract import VERSION, ProblemReason
from tradewind.server.domain.refusals import Refused

OFFERED: Final = (VERSION,)
HEADER: Final = "Tradewind-API-Version"
HEADER_BYTES: Final = HEADER.lower().encode("ascii")
QUERY: Final = "api-version"
"""For clients that can set no header on a WebSocket, such as a browser."""


def negotiate(requested: str | None, *, field: str = HEADER) -> str:
    """The version to answer in: the one asked for, or the newest when none is.

    Args:
        requested: what the client asks for.
        field: where it asks.

    Raises:
        Refused: unsupported_version; its document lists the versions on offer.
    """
    if requested is None:
        return VERSION
    if requested in OFFERED:
        return requested
    raise Refused(
        ProblemReason.UNSUPPORTED_VERSION,
        f"version {requested[:40]!r} of the interface is not on offer",
        field=field,
        action=f"send {field} with one of {', '.join(OFFERED)}",
        supported_versions=OFFERED,
    )

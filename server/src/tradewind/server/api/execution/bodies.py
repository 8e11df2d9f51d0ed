"""Bodies of calls: read within the limit, then held against the contract."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from pydantic import ValidationError

from tradewind.server.api.problems import invalid
from tradewind.server.contract import Operation, ProblemReason, decode
from tradewind.server.domain.refusals import Refused

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_MEBIBYTE: Final = 1 << 20


class ClientGone(Exception):
    """The connection ended before the whole body arrived: there is nobody to answer."""


async def read_within(receive: Receive, declared: str | None, limit: int) -> bytes:
    """The whole body of a request, given up as soon as it is too large.

    Args:
        receive: of the ASGI request.
        declared: its Content-Length, if it has one.
        limit: in bytes.

    Raises:
        Refused: body_too_large.
        ClientGone: the connection ended.
    """
    if declared is not None and declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def decode_body(operation: Operation, content: bytes) -> Any:
    """The body as a value of the operation's request type; bytes where that has another media type than JSON.

    Raises:
        Refused: malformed_body, missing_field, unknown_field, wrong_type or invalid_value, naming the field.
    """
    if operation.request is None:
        return content if operation.request_media is not None else None
    try:
        return decode(operation.request, content)
    except ValidationError as error:
        raise invalid(error, operation.request) from None


def _too_large(limit: int) -> Refused:
    size = f"{limit // _MEBIBYTE} MiB" if limit % _MEBIBYTE == 0 else f"{limit} bytes"
    return Refused(
        ProblemReason.BODY_TOO_LARGE,
        f"the body is larger than {size}",
        action="send less at once; get_versions tells the limit",
    )

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


def limited(receive: Receive, declared: str | None, limit: int) -> Receive:
    """`receive` of a request, which refuses as soon as the body is too large: at once when it says so itself.

    Args:
        receive: of the ASGI request.
        declared: its Content-Length, if it has one.
        limit: in bytes.
    """
    refused = declared is not None and declared.isdecimal() and int(declared) > limit
    size = 0

    async def receive_within() -> MutableMapping[str, Any]:
        nonlocal size
        if refused:
            raise _too_large(limit)
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise _too_large(limit)
        return message

    return receive_within


async def read_within(receive: Receive, declared: str | None, limit: int) -> bytes:
    """The whole body of a request; arguments as for `limited`.

    Raises:
        Refused: body_too_large.
        ClientGone: the connection ended.
    """
    within = limited(receive, declared, limit)
    chunks: list[bytes] = []
    while True:
        message = await within()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunks.append(message.get("body", b""))
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

"""Reading a body within the limit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from tradewind.server.api.bodies import ClientGone, read_within
from tradewind.server.contract import ProblemReason
from tradewind.server.domain.refusals import Refused


class Arriving:
    """Messages of a request as a server gives them; remembers how many were asked for."""

    def __init__(self, chunks: Iterable[bytes], *, cut: bool = False) -> None:
        chunks = list(chunks)
        self.messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": chunk, "more_body": cut or number < len(chunks)}
            for number, chunk in enumerate(chunks, start=1)
        ]
        self.messages.append({"type": "http.disconnect"})
        self.asked = 0

    async def __call__(self) -> dict[str, Any]:
        self.asked += 1
        return self.messages[self.asked - 1]


def read(arriving: Arriving, declared: str | None = None, limit: int = 10) -> bytes:
    return asyncio.run(read_within(arriving, declared, limit))


def test_a_body_in_pieces_is_put_together() -> None:
    assert read(Arriving([b"1234", b"", b"567890"])) == b"1234567890"


def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    arriving = Arriving([b"x"])
    with pytest.raises(Refused) as caught:
        read(arriving, declared="11")
    assert (caught.value.reason, arriving.asked) == (ProblemReason.BODY_TOO_LARGE, 0)


@pytest.mark.parametrize("declared", [None, "3", "nonsense"])
def test_a_body_that_grows_too_large_is_given_up_at_once(declared: str | None) -> None:
    arriving = Arriving([b"x" * 6, b"x" * 6, b"x" * 6])
    with pytest.raises(Refused) as caught:
        read(arriving, declared=declared)
    assert (caught.value.reason, arriving.asked) == (ProblemReason.BODY_TOO_LARGE, 2)


def test_a_cut_connection_is_not_taken_for_a_short_body() -> None:
    with pytest.raises(ClientGone):
        read(Arriving([b"half"], cut=True))

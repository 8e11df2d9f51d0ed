"""A call of an operation and its answer, whatever carries them.

Errors:

    ClientError
    ├── ServerUnreachable   no answer was heard: the call may or may not have been carried out
    └── ProblemError        the server refused, with a reason
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tradewind.sdk.contract import Problem

REFUSED_FROM = 400
"""From this status on an answer is a refusal and its body a problem document (RFC 9457)."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an operation.

    Attributes:
        operation: its id, a key of `OPERATIONS`.
        parameters: path and query parameters, in text.
        token: execution token of the activity that it acts for; None where the worker acts for itself, and in a task,
            whose supervisor adds it.
        body: JSON body.
        text: body of an operation with another media type.
    """

    operation: str
    parameters: Mapping[str, str]
    token: str | None = None
    body: bytes | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a call: status as in HTTP, and the raw body, empty when there is none."""

    status: int
    body: bytes = b""


class Transport(Protocol):
    """Carries calls and waits for their answers."""

    def call(self, call: Call) -> Reply:
        """Make a call.

        Raises:
            ServerUnreachable: no answer was heard.
        """


class AsyncTransport(Protocol):
    """Carries calls."""

    async def call(self, call: Call) -> Reply:
        """Make a call.

        Raises:
            ServerUnreachable: no answer was heard.
        """


class ClientError(Exception):
    """A call did not do what it was made for."""


class ServerUnreachable(ClientError):
    """No answer was heard. The call may have been carried out; operations may be repeated."""


class ProblemError(ClientError):
    """The server refused a call.

    Attributes:
        problem: the whole problem document.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(" ".join(part for part in (problem.detail, problem.action) if part))
        self.problem = problem


def problem_of(reply: Reply) -> Problem | None:
    """The refusal that an answer holds, None for an answer that is none.

    A refusal that is no problem document, such as a proxy's page, is shown as one with the reason `internal_error`.
    """
    if reply.status < REFUSED_FROM:
        return None
    import msgspec

    from tradewind.sdk.contract import Problem, ProblemReason, decode

    try:
        return decode(Problem, reply.body)
    except msgspec.DecodeError:
        return Problem(
            type="about:blank",
            title="Unexpected answer",
            status=reply.status,
            detail=f"The answer with status {reply.status} is no problem document: {reply.body[:200]!r}",
            reason=ProblemReason.INTERNAL_ERROR,
            action="Look whether the URL is that of a Tradewind server, and whether a proxy stands in between.",
        )


def accepted(reply: Reply) -> Reply:
    """The answer itself, unless it is a refusal.

    Raises:
        ProblemError: it is one.
    """
    problem = problem_of(reply)
    if problem is not None:
        raise ProblemError(problem)
    return reply

"""What goes over a worker session in bytes, and which refusals of one are for good."""

from __future__ import annotations

from typing import Any

import msgspec

from tradewind.sdk import contract
from tradewind.sdk.client.calls import Call, ProblemError, Reply
from tradewind.sdk.contract import Cancel, Deliver, Drain, ProblemReason, Request, Response, Tail, Welcome

_FINAL_REFUSALS = frozenset(
    {
        ProblemReason.MISSING_TOKEN,
        ProblemReason.MALFORMED_TOKEN,
        ProblemReason.UNKNOWN_CREDENTIAL,
        ProblemReason.REVOKED_CREDENTIAL,
        ProblemReason.NOT_ALLOWED,
        ProblemReason.UNSUPPORTED_VERSION,
    }
)

FRAME_FAULTS = frozenset(
    {
        ProblemReason.MALFORMED_FRAME,
        ProblemReason.UNEXPECTED_FRAME,
        ProblemReason.FRAME_TOO_LARGE,
        ProblemReason.MISSING_FIELD,
        ProblemReason.UNKNOWN_FIELD,
        ProblemReason.WRONG_TYPE,
        ProblemReason.INVALID_VALUE,
        ProblemReason.MALFORMED_BODY,
        ProblemReason.BODY_TOO_LARGE,
    }
)
"""Refusals of a frame as such, which end the connection and would end the next one too."""


class SessionRefused(Exception):
    """The server refuses this worker, and another attempt would change nothing; the message says what to do."""


TOO_LARGE = Reply(
    413, {"reason": ProblemReason.FRAME_TOO_LARGE, "detail": "The frame is above the limit of the server's welcome."}
)
"""What a server would answer to a call that was made before its limit was known."""


class OpenRefused(msgspec.Struct, tag_field="frame", tag="refused"):
    """A refusal whose reason may be a word that a newer server has."""

    problem: dict[str, Any]

    def error(self) -> ProblemError:
        """The refusal as an error; raises `SessionRefused` when it is final."""
        problem = ProblemError("open_session", 0, self.problem)
        raise_if_final(problem)
        return problem


class Addressee(msgspec.Struct):
    """What of a delivery is understood in any case."""

    dispatch_id: str
    token: str


class RawDeliver(msgspec.Struct):
    """A delivery of which only the addressee is read."""

    delivery: Addressee


decode_frame = msgspec.json.Decoder(Welcome | OpenRefused | Deliver | Cancel | Response | Tail | Drain).decode
decode_addressee = msgspec.json.Decoder(RawDeliver).decode


def raise_if_final(problem: ProblemError) -> None:
    """Tell refusals that another attempt cannot heal from those that it can.

    Raises:
        SessionRefused: the refusal is final.
    """
    if problem.reason in _FINAL_REFUSALS:
        offered = f"the server speaks {', '.join(problem.supported_versions)}" if problem.supported_versions else ""
        remedy = problem.action or _REMEDIES.get(problem.reason, "")
        said = _sentences(problem.detail, offered, remedy)
        raise SessionRefused(f"the server refuses this worker ({problem.reason}): {said}")


def _sentences(*clauses: str) -> str:
    """Clauses as sentences of their own, the empty ones left out; the first begins as it is written."""
    first, *others = [clause.rstrip(". ") for clause in clauses if clause]
    return ". ".join([first, *(clause[:1].upper() + clause[1:] for clause in others)]) + "."


_REMEDIES: dict[str, str] = {
    ProblemReason.UNSUPPORTED_VERSION: "Upgrade the server, or run a tradewind-task-sdk that it speaks with.",
    ProblemReason.NOT_ALLOWED: "Give the worker a credential with the role worker.",
    **dict.fromkeys(
        (
            ProblemReason.MISSING_TOKEN,
            ProblemReason.MALFORMED_TOKEN,
            ProblemReason.UNKNOWN_CREDENTIAL,
            ProblemReason.REVOKED_CREDENTIAL,
        ),
        "Set TRADEWIND_API_TOKEN to a credential made by `tradewind-server tokens create --role worker`.",
    ),
}


def refused_handshake(status: int, body: bytes) -> str:
    """What a server said instead of opening the connection.

    Raises:
        SessionRefused: it refuses for good.
    """
    try:
        plain = msgspec.json.decode(body)
    except msgspec.DecodeError:
        plain = None
    if not isinstance(plain, dict) or "reason" not in plain:
        return f"HTTP status {status} without a problem document: is this a Tradewind server?"
    problem = ProblemError("open_session", status, plain)
    raise_if_final(problem)
    return str(problem)


def request_frame(request_id: int, call: Call) -> bytes:
    """The frame of a call."""
    return contract.encode(
        Request(
            request_id=request_id,
            operation=call.operation,
            parameters=dict(call.parameters),
            token=call.token,
            body=call.body,
            text=call.text,
        )
    )

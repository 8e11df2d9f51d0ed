"""Refusals as problem documents (RFC 9457): one way from any failure to a document with a stable reason."""

from __future__ import annotations

import logging
import math
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import ValidationError
from starlette.responses import Response

from tradewind.server.contract import Problem, ProblemReason, encode
from tradewind.server.domain.refusals import Refused

log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
TYPE_BASE: Final = "https://tradewind.dev/problems/"
STATUS: Final[Mapping[ProblemReason, int]] = {
    ProblemReason.MISSING_TOKEN: 401,
    ProblemReason.MALFORMED_TOKEN: 401,
    ProblemReason.FORGED_TOKEN: 401,
    ProblemReason.EXPIRED_TOKEN: 401,
    ProblemReason.WRONG_AUDIENCE: 401,
    ProblemReason.UNKNOWN_CREDENTIAL: 401,
    ProblemReason.REVOKED_CREDENTIAL: 401,
    ProblemReason.NOT_ALLOWED: 403,
    ProblemReason.UNKNOWN_DISPATCH: 404,
    ProblemReason.DISPATCH_ENDED: 410,
    ProblemReason.WRONG_ACTIVITY: 403,
    ProblemReason.WRONG_WORKER: 403,
    ProblemReason.INVALID_TICKET: 403,
    ProblemReason.SPENT_TICKET: 409,
    ProblemReason.STALE_CONNECTION: 409,
    ProblemReason.MISSING_FIELD: 422,
    ProblemReason.UNKNOWN_FIELD: 422,
    ProblemReason.WRONG_TYPE: 422,
    ProblemReason.INVALID_VALUE: 422,
    ProblemReason.MALFORMED_BODY: 400,
    ProblemReason.BODY_TOO_LARGE: 413,
    ProblemReason.FRAME_TOO_LARGE: 413,
    ProblemReason.MALFORMED_FRAME: 400,
    ProblemReason.UNEXPECTED_FRAME: 400,
    ProblemReason.UNKNOWN_OPERATION: 404,
    ProblemReason.HTTP_ONLY: 400,
    ProblemReason.UNSUPPORTED_VERSION: 400,
    ProblemReason.NOT_FOUND: 404,
    ProblemReason.ALREADY_EXISTS: 409,
    ProblemReason.CONFLICT: 409,
    ProblemReason.TOO_BUSY: 429,
    ProblemReason.METHOD_NOT_ALLOWED: 405,
    ProblemReason.INTERNAL_ERROR: 500,
}

_SEND_BEARER: Final = "send the header Authorization: Bearer TOKEN"
_CREDENTIAL: Final = "use a credential of this deployment; tradewind-server tokens create makes one"
_OWN_TOKEN: Final = "use the token that came with the activity"  # noqa: S105 - words, no secret
_DROP: Final = "drop this dispatch; its activity is handed out anew where that is due"
_CORRECT: Final = "correct the value"
_RECONNECT: Final = "correct the client and connect again"

ACTIONS: Final[Mapping[ProblemReason, str]] = {
    ProblemReason.MISSING_TOKEN: _SEND_BEARER,
    ProblemReason.MALFORMED_TOKEN: _SEND_BEARER,
    ProblemReason.FORGED_TOKEN: _OWN_TOKEN,
    ProblemReason.EXPIRED_TOKEN: "ask for a new token with renew_token",
    ProblemReason.WRONG_AUDIENCE: _OWN_TOKEN,
    ProblemReason.UNKNOWN_CREDENTIAL: _CREDENTIAL,
    ProblemReason.REVOKED_CREDENTIAL: _CREDENTIAL,
    ProblemReason.NOT_ALLOWED: "use a credential or token that may do this",
    ProblemReason.UNKNOWN_DISPATCH: _DROP,
    ProblemReason.DISPATCH_ENDED: _DROP,
    ProblemReason.WRONG_ACTIVITY: _OWN_TOKEN,
    ProblemReason.WRONG_WORKER: "use the credential that started the dispatch",
    ProblemReason.INVALID_TICKET: "drop this envelope",
    ProblemReason.SPENT_TICKET: "drop this envelope",
    ProblemReason.STALE_CONNECTION: "use the newer connection",
    ProblemReason.MISSING_FIELD: "add the field",
    ProblemReason.UNKNOWN_FIELD: "remove the field or correct its name",
    ProblemReason.WRONG_TYPE: _CORRECT,
    ProblemReason.INVALID_VALUE: _CORRECT,
    ProblemReason.MALFORMED_BODY: "send JSON in UTF-8",
    ProblemReason.BODY_TOO_LARGE: "send less at once; get_versions tells the limit",
    ProblemReason.FRAME_TOO_LARGE: "send large bodies over HTTP; welcome tells the limit",
    ProblemReason.MALFORMED_FRAME: _RECONNECT,
    ProblemReason.UNEXPECTED_FRAME: _RECONNECT,
    ProblemReason.UNKNOWN_OPERATION: "correct the name or path; the operations are listed in the contract",
    ProblemReason.HTTP_ONLY: "call the operation over HTTP",
    ProblemReason.UNSUPPORTED_VERSION: "send a version that is on offer",
    ProblemReason.NOT_FOUND: "correct the name, or create what it should name",
    ProblemReason.ALREADY_EXISTS: "choose another name, or change what is there",
    ProblemReason.CONFLICT: "look at the present state and decide anew",
    ProblemReason.TOO_BUSY: "try again later",
    ProblemReason.METHOD_NOT_ALLOWED: "use a method that the path has",
    ProblemReason.INTERNAL_ERROR: "try again, and if it stays, look for the incident in the log of the server",
}
"""What to do where a refusal does not say it more precisely."""

_MISSING: Final = frozenset({"missing", "union_tag_not_found"})
_JSON: Final = frozenset({"json_invalid", "json_type"})
_TAGS: Final = frozenset({"union_tag_not_found", "union_tag_invalid"})


def problem(refusal: Refused) -> Problem:
    """The document that says why a request was refused."""
    reason = refusal.reason
    return Problem(
        type=TYPE_BASE + reason.value,
        title=reason.value.replace("_", " ").capitalize(),
        status=STATUS[reason],
        detail=refusal.detail,
        reason=reason,
        field=refusal.field,
        action=refusal.action or ACTIONS[reason],
        supported_versions=None if refusal.supported_versions is None else list(refusal.supported_versions),
        retry_after_seconds=refusal.retry_after_seconds,
    )


def problem_headers(document: Problem) -> dict[str, str]:
    """Headers that an HTTP answer with this document carries."""
    headers = {"Content-Type": MEDIA_TYPE}
    if document.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if document.retry_after_seconds is not None:
        headers["Retry-After"] = str(math.ceil(document.retry_after_seconds))
    return headers


def problem_response(document: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The document as an HTTP answer."""
    return Response(
        encode(document), status_code=document.status, headers={**problem_headers(document), **(headers or {})}
    )


def internal_error(error: BaseException, where: str) -> Problem:
    """Log an unexpected exception under a new id and make the document that names this id and nothing else.

    Args:
        error: what was raised.
        where: the operation or route, for the log.
    """
    incident = str(uuid.uuid4())
    log.error("%s failed unexpectedly (incident %s)", where, incident, exc_info=error)
    return problem(Refused(ProblemReason.INTERNAL_ERROR, f"the server failed to answer; incident {incident}"))


def refusal_of(error: Exception, where: str) -> Problem:
    """The document for any exception: a refusal says its own, everything else is an internal error."""
    return problem(error) if isinstance(error, Refused) else internal_error(error, where)


def invalid(error: ValidationError, type_: Any = None, *, what: str = "the body", prefix: str = "") -> Refused:
    """What pydantic found wrong, as a refusal that names the first field to blame.

    Args:
        error: of the contract's or a public model.
        type_: what was to be read; for a union pydantic puts the variant before the field.
        what: how to call the whole value.
        prefix: where the validated value stands, as a dotted path.
    """
    errors = error.errors(include_url=False, include_input=False)
    return invalid_by(errors, what=what, prefix=prefix, union=type_ is not None and not isinstance(type_, type))


def invalid_by(errors: Iterable[Mapping[str, Any]], *, what: str, prefix: str = "", union: bool = False) -> Refused:
    """`invalid` for errors in the form of pydantic's `errors()`; `union` drops the variant that begins each place."""
    # A missing field next to an unknown one is most often a misspelt name: the unknown one says more.
    first = min(errors, key=lambda item: item["type"] != "extra_forbidden")
    kind, message = str(first["type"]), str(first["msg"])
    if kind in _JSON:
        why = (first.get("ctx") or {}).get("error", message)
        at = f" at character {first['loc'][-1]}" if first["loc"] and isinstance(first["loc"][-1], int) else ""
        return Refused(ProblemReason.MALFORMED_BODY, f"{what} is no JSON: {why}{at}", action="send JSON in UTF-8")
    place = [str(part) for part in first["loc"][1 if union else 0 :]]
    if kind in _TAGS:
        place.append(str(first["ctx"]["discriminator"]).strip("'"))
    field = ".".join(part for part in (prefix, *place) if part)
    name = field or what
    if kind in _MISSING:
        return Refused(ProblemReason.MISSING_FIELD, f"{name} is missing", field=field or None, action="add the field")
    if kind == "extra_forbidden":
        return Refused(
            ProblemReason.UNKNOWN_FIELD,
            f"{name} is not a field of {what}",
            field=field,
            action="remove the field or correct its name",
        )
    wrong_type = kind.endswith(("_type", "_parsing")) or kind == "int_from_float"
    reason = ProblemReason.WRONG_TYPE if wrong_type else ProblemReason.INVALID_VALUE
    return Refused(reason, f"{name}: {message}", field=field or None, action="correct the value")

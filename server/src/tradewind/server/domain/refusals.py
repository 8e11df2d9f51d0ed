"""The one way to say no: a refusal with the contract's stable reason, raised below and shown as a problem above."""

from __future__ import annotations

from collections.abc import Sequence

from tradewind.server.contract import ProblemReason


class Refused(Exception):
    """Something that was asked for is not done, and nothing changed.

    Args:
        reason: stable machine word of the contract.
        detail: what was wrong with this request, in words.
        field: field or parameter to blame, as a dotted path.
        action: what to do about it.
        retry_after_seconds: when to try again, for `too_busy`.
        supported_versions: versions on offer, for `unsupported_version`.
    """

    def __init__(
        self,
        reason: ProblemReason,
        detail: str,
        *,
        field: str | None = None,
        action: str | None = None,
        retry_after_seconds: float | None = None,
        supported_versions: Sequence[str] | None = None,
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.field = field
        self.action = action
        self.retry_after_seconds = retry_after_seconds
        self.supported_versions = None if supported_versions is None else tuple(supported_versions)

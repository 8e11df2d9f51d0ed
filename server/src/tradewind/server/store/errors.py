"""What can go wrong with the database itself, in words for the people who run it."""

from tradewind.server.contract import ProblemReason
from tradewind.server.domain.refusals import Refused

RETRY_AFTER_SECONDS = 1.0


class StoreError(Exception):
    """The database cannot be used; the message says why and what to do."""


class InUseError(StoreError):
    """Another process is the control plane of this SQLite database."""


class OutageError(Exception):
    """The database is gone, full or locked: no job is to blame and a later try may succeed.

    Args:
        detail: what the database said.
        commit_sent: whether the answer to a commit was lost, so that it may have happened.
    """

    def __init__(self, detail: str, *, commit_sent: bool = False) -> None:
        super().__init__(detail)
        self.commit_sent = commit_sent


class ConflictError(Exception):
    """Another transaction was in the way, such as in a deadlock: the same again is likely to succeed."""


def too_busy(detail: str) -> Refused:
    """The refusal of what may succeed a little later."""
    return Refused(
        ProblemReason.TOO_BUSY,
        detail,
        action=f"try again in {RETRY_AFTER_SECONDS:.0f} s",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )

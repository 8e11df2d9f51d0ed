"""Who is calling, once that is known: a worker, an activity or a user of the public API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tradewind.server.contract import ActivityKind

if TYPE_CHECKING:
    from tradewind.server.store.rows import CredentialRow


@dataclass(frozen=True, slots=True)
class WorkerPrincipal:
    """A worker, known by its credential."""

    credential: CredentialRow

    @property
    def label(self) -> str:
        """How the audit names this caller."""
        return f"worker:{self.credential.name}"


@dataclass(frozen=True, slots=True)
class ActivityPrincipal:
    """One handing-out of an activity, known by its execution token.

    `activity_id` is the try, parse, … that the token is about; `expires_at` is in UTC.
    """

    kind: ActivityKind
    activity_id: str
    dispatch_id: str
    expires_at: datetime

    @property
    def label(self) -> str:
        """How the audit names this caller."""
        return f"{self.kind}:{self.activity_id}"


@dataclass(frozen=True, slots=True)
class UserPrincipal:
    """A person or program that uses the public API, known by its credential."""

    credential: CredentialRow

    @property
    def label(self) -> str:
        """How the audit names this caller."""
        return f"{self.credential.role}:{self.credential.name}"

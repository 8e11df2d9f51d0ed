"""Where `Variable.get` and `Connection.get` look: with the running task, or with what imports a DAG file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tradewind.sdk.exceptions import OutsideTaskError

if TYPE_CHECKING:
    from tradewind.sdk.contract import Connection


class SecretSource(Protocol):
    """What reads of secrets are answered from."""

    def get_variable(self, key: str) -> str | None:
        """The value of a variable; None when there is no such variable."""
        ...

    def get_connection(self, conn_id: str) -> Connection | None:
        """A connection; None when there is no such connection."""
        ...

    def list_variable_keys(self, prefix: str = "") -> list[str]:
        """Keys of the variables that may be read."""
        ...

    def mask(self, values: list[str]) -> None:
        """Hide texts in the log from now on."""
        ...

    def missing_hint(self, kind: str, name: str) -> str:
        """A sentence for the end of the error about a variable or connection that is missing; empty where all is said.

        Args:
            kind: `variable` or `connection`.
            name: its key or id.
        """
        ...


# Not context variables: threads that user code starts belong to the task, or to the import, too.
sources: list[SecretSource] = []
"""What reads are answered from, the last one first; see `reading_from`."""


class reading_from:  # noqa: N801 - used like a function; a generator would cost a forked process more memory pages
    """Answer reads of secrets from this source meanwhile; the one that was there before comes back."""

    __slots__ = ("_source",)

    def __init__(self, source: SecretSource) -> None:
        self._source = source

    def __enter__(self) -> None:
        sources.append(self._source)

    def __exit__(self, *_exception: object) -> None:
        sources.remove(self._source)


_of_worker: list[bool] = []


def forbid_outside_source() -> None:
    """In this process, which is a worker's, no secret is to be had but by the activity that runs in it."""
    _of_worker[:] = [True]


def secret_source(wanted: str) -> SecretSource:
    """What reads of secrets are answered from now; in a program that no worker has started, what is found around it.

    Args:
        wanted: what needs it, to begin the sentence of the error with.

    Raises:
        OutsideTaskError: this is a worker's process, and nothing runs in it.
    """
    if sources:
        return sources[-1]
    if _of_worker:
        raise OutsideTaskError(f"{wanted} works in a running task, and while its file is imported; nothing runs here.")
    from tradewind.sdk.local.outside import OutsideSource

    return OutsideSource()

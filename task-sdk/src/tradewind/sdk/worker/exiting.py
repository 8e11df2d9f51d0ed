"""The end of a process that has reported its result, seen as one event instead of one for each thing that it closes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

EXIT_SECONDS = 10.0
"""What a process gets to exit after it has reported its result."""

USUAL_EXIT_SECONDS = 0.05
"""How long it is left alone meanwhile: what its exit handlers ask for, or write beyond a pipe, may wait so long."""


class Source(Protocol):
    """Something that is read from the process. What is left of it is read when the process has ended."""

    def leave_alone(self) -> None:
        """Do not look at it until `attend`, or until the process has ended."""
        ...

    def attend(self) -> None:
        """Read it again as it comes."""
        ...


def let_exit(
    sources: Sequence[Source], after: Callable[[float, Callable[[], None]], None], kill: Callable[[], None]
) -> None:
    """Leave a process alone while it exits, attend to it when it takes longer, and kill it when it does not come to it.

    Args:
        sources: what is read from it.
        after: sets the timer of the process, which its end drops.
        kill: kills it.
    """

    def takes_longer() -> None:
        for source in sources:
            source.attend()
        after(EXIT_SECONDS - USUAL_EXIT_SECONDS, kill)

    for source in sources:
        source.leave_alone()
    after(USUAL_EXIT_SECONDS, takes_longer)

"""Children forked ahead of their assignment, one for each warm parent: a try need not wait for its fork."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from tradewind.sdk.worker.control import RunAs
from tradewind.sdk.worker.forker_connection import ForkerConnection, ForkerLost, ForkRefused
from tradewind.sdk.worker.launched_process import Pipes
from tradewind.sdk.worker.live_process import LiveProcess


@dataclass(frozen=True, slots=True)
class Child:
    """A forked child that has no assignment yet, with the supervisor's ends of its descriptors."""

    process: LiveProcess
    pipes: Pipes


async def fork(
    forker: ForkerConnection, user: RunAs | None, *, spawn: bool = False, run_as: RunAs | None = None
) -> Child:
    """Fork a child for one activity.

    Args:
        forker: a zygote or a warm parent.
        user: to whom its pipes belong.
        spawn: whether it is a new interpreter.
        run_as: whom it becomes.

    Raises:
        ForkerLost: the forker ended first.
        ForkRefused: the kernel did not fork.
    """
    pipes = Pipes(user)
    try:
        return Child(await forker.start_child(pipes.child_ends, spawn=spawn, run_as=run_as), pipes)
    except BaseException:
        pipes.close()
        raise
    finally:
        pipes.close_child_ends()


class SpareChildren:
    """At most one spare child of each warm parent, until it is taken or its parent is over."""

    def __init__(self) -> None:
        self._spares: dict[ForkerConnection, tuple[asyncio.Future[LiveProcess], Pipes]] = {}
        self._followed: set[ForkerConnection] = set()
        self._closing = False

    async def take(self, parent: ForkerConnection, user: RunAs | None) -> Child:
        """The spare child of a warm parent, or else one that is forked now.

        Raises:
            ForkerLost: the parent ended first.
            ForkRefused: the kernel did not fork.
        """
        if (spare := self._spares.pop(parent, None)) is not None:
            started, pipes = spare
            try:
                process = started.result() if started.done() else await started
            except (ForkerLost, ForkRefused):
                pipes.close()  # asked again, it says so again or does better
            except BaseException:
                pipes.close()
                raise
            else:
                if not process.exited.done():
                    return Child(process, pipes)
                pipes.close()
        return await fork(parent, user)

    def prepare(self, parent: ForkerConnection, user: RunAs | None) -> None:
        """Have a spare child ready, if there is none."""
        if parent in self._spares or parent.lost or self._closing:
            return
        # Where that fails now, the next try asks itself and says why.
        with contextlib.suppress(ForkerLost, ForkRefused, OSError):
            pipes = Pipes(user)
            try:
                started = parent.ask_for_child(pipes.child_ends)
            except BaseException:
                pipes.close()
                raise
            finally:
                pipes.close_child_ends()
            started.add_done_callback(_seen)
            self._spares[parent] = (started, pipes)
            if parent not in self._followed:
                self._followed.add(parent)
                parent.when_over(self._over)

    def close(self) -> None:
        """Let all of them end, and make no more."""
        self._closing = True
        for parent in list(self._spares):
            self._drop(parent)

    def _over(self, parent: ForkerConnection) -> None:
        self._followed.discard(parent)
        self._drop(parent)

    def _drop(self, parent: ForkerConnection) -> None:
        if (spare := self._spares.pop(parent, None)) is not None:
            _started, pipes = spare
            pipes.close()  # without an assignment it runs nothing


def _seen(started: asyncio.Future[LiveProcess]) -> None:
    """Nobody may come for a spare child that was not forked."""
    if not started.cancelled():
        started.exception()

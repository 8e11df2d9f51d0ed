"""Children forked ahead of their assignment, one for each warm parent: a try need not wait for its fork."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tradewind.sdk.worker.control import RunAs
from tradewind.sdk.worker.forker_connection import ForkerConnection, ForkerLost, ForkRefused
from tradewind.sdk.worker.launched_process import Pipes
from tradewind.sdk.worker.live_process import LiveProcess


@dataclass(frozen=True)
class Child:
    """A forked child that has no assignment yet, with the supervisor's ends of its descriptors."""

    process: LiveProcess
    pipes: Pipes

    def drop(self) -> None:
        """Let it end: without an assignment it runs nothing."""
        self.pipes.close()


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
        self._spares: dict[ForkerConnection, asyncio.Task[Child]] = {}
        self._closing = False

    async def take(self, parent: ForkerConnection, user: RunAs | None) -> Child:
        """The spare child of a warm parent, or else one that is forked now.

        Raises:
            ForkerLost: the parent ended first.
            ForkRefused: the kernel did not fork.
        """
        if (spare := self._spares.pop(parent, None)) is not None:
            try:
                child = await spare
            except (ForkerLost, ForkRefused):
                pass  # asked again, it says so again or does better
            else:
                if not child.process.exited.done():
                    return child
                child.drop()
        return await fork(parent, user)

    def prepare(self, parent: ForkerConnection, user: RunAs | None) -> None:
        """Have a spare child ready, if there is none."""
        if parent in self._spares or parent.lost or self._closing:
            return
        self._spares[parent] = asyncio.create_task(fork(parent, user), name="spare child")
        parent.when_over(self._drop)

    def close(self) -> None:
        """Let all of them end, and make no more."""
        self._closing = True
        for parent in list(self._spares):
            self._drop(parent)

    def _drop(self, parent: ForkerConnection) -> None:
        if (spare := self._spares.pop(parent, None)) is not None:
            spare.add_done_callback(_drop_child)


def _drop_child(forked: asyncio.Task[Child]) -> None:
    if not forked.cancelled() and forked.exception() is None:
        forked.result().drop()

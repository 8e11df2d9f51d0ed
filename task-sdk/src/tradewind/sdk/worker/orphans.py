"""What user code leaves behind: processes whose try has ended and that are the supervisor's children now."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

from tradewind.sdk.worker import process_tree
from tradewind.sdk.worker.alarms import Alarm, alarms
from tradewind.sdk.worker.live_process import ExitStatus, LiveProcess, when_child_ends

_SWEEP_WITHIN_SECONDS = 0.02
"""How soon after the end of a process its orphans are looked for; those that end meanwhile share the look."""

GRACE_SECONDS = 0.5
"""How long they may take to end by themselves: multiprocessing's resource tracker removes shared memory then."""


class Orphans:
    """Finds, ends and waits for orphaned processes.

    An orphan is a child of this process that is in another session, is not one of the worker's own processes, and was
    not there from the start. Each live try is a subreaper of its own, so that what comes here belonged to one that has
    ended.

    Args:
        live: the worker's own processes by id.
    """

    def __init__(self, live: Mapping[int, LiveProcess]) -> None:
        self._loop = asyncio.get_running_loop()
        self._live = live
        self._session = os.getsid(0)
        self._children = process_tree.AdoptedChildren()
        self._exempt = set(self._children.list())
        self._watched: dict[int, asyncio.Future[None]] = {}
        self._next_sweep: Alarm | None = None
        self._kills: set[asyncio.Task[None]] = set()

    def exempt(self, pid: int) -> None:
        """Never take this child of the process for an orphan."""
        self._exempt.add(pid)

    def sweep_soon(self) -> None:
        """A process has ended: look for what it has left behind."""
        if self._next_sweep is None:
            self._next_sweep = alarms().after(_SWEEP_WITHIN_SECONDS, self.sweep)

    def sweep(self) -> None:
        """Look for orphans: wait for those that have ended, have the others killed after `GRACE_SECONDS`."""
        self._next_sweep = None
        for orphan in self._find():
            if orphan.pid not in self._watched:
                self._watch(orphan)
                self._loop.call_later(GRACE_SECONDS, self._kill_later, orphan)

    async def kill_all(self) -> None:
        """Kill what there is, without grace, until there is nothing left and all of it has been waited for."""
        while orphans := self._find():
            for orphan in orphans:
                if orphan.pid not in self._watched:
                    self._watch(orphan)
            gone = [self._watched[orphan.pid] for orphan in orphans if orphan.pid in self._watched]
            await asyncio.gather(*(self._kill(orphan) for orphan in orphans))
            await asyncio.gather(*gone)

    async def close(self) -> None:
        """Kill what there is and stop working."""
        await self.kill_all()
        if self._next_sweep is not None:
            self._next_sweep.cancel()
        if self._kills:
            await asyncio.wait(self._kills)
        self._children.close()

    def _find(self) -> list[process_tree.ProcessStatus]:
        unknown = [pid for pid in self._children.list() if pid not in self._live and pid not in self._exempt]
        found = [status for pid in unknown if (status := process_tree.status(pid))]
        return [status for status in found if status.session != self._session]

    def _watch(self, orphan: process_tree.ProcessStatus) -> None:
        gone: asyncio.Future[None] = self._loop.create_future()
        self._watched[orphan.pid] = gone

        def ended(status: ExitStatus) -> None:
            del self._watched[orphan.pid]
            # A child whose forker died right after it had forked is known a moment later than it is an orphan.
            if process := self._live.get(orphan.pid):
                process.end(status)
            gone.set_result(None)
            self.sweep()  # its own children are orphans now

        when_child_ends(orphan.pid, ended)

    def _kill_later(self, orphan: process_tree.ProcessStatus) -> None:
        if orphan.pid in self._watched and orphan.pid not in self._live:
            task = self._loop.create_task(self._kill(orphan))
            self._kills.add(task)
            task.add_done_callback(self._kills.discard)

    async def _kill(self, orphan: process_tree.ProcessStatus) -> None:
        await asyncio.to_thread(process_tree.kill_tree, orphan.pid, orphan.start_ticks)

"""Which warm parents exist: one a file and code id, the least recently used ended first, none when idle."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import logging
import math
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from tradewind.sdk.worker.control import Imported, RunAs
from tradewind.sdk.worker.forker_connection import ForkerConnection, ForkerLost, ForkRefused
from tradewind.sdk.worker.live_process import LiveProcess

logger = logging.getLogger("tradewind.worker")

_MAX_DECLINES = 1000


class Declined(Exception):
    """There is no warm parent for a file; the message says why.

    Attributes:
        unfit: the file was imported, and left what must not be forked.
    """

    def __init__(self, reason: str, *, unfit: bool = False) -> None:
        super().__init__(reason)
        self.unfit = unfit


@dataclasses.dataclass
class _Entry:
    parent: asyncio.Task[ForkerConnection]
    last_used: float = 0.0

    def is_over(self) -> bool:
        """Tell whether the parent has ended, or has never been one."""
        if not self.parent.done():
            return False
        return self.parent.cancelled() or self.parent.exception() is not None or self.parent.result().lost


class WarmCache:
    """Warm parents by code key.

    Args:
        zygote: gives the zygote.
        live: see `ForkerConnection`.
        on_end: see `ForkerConnection`.
        max_parents: beyond that, the least recently used one ends; 0 means that there are none.
        idle_seconds: a parent that was not used for so long ends; so long, too, an import that failed is not repeated.
        import_timeout_seconds: an import that takes longer is given up.
    """

    def __init__(
        self,
        *,
        zygote: Callable[[], Awaitable[ForkerConnection]],
        live: dict[int, LiveProcess],
        on_end: Callable[[], None],
        max_parents: int,
        idle_seconds: float,
        import_timeout_seconds: float,
    ) -> None:
        self._zygote = zygote
        self._live = live
        self._on_end = on_end
        self._max_parents = max_parents
        self._idle_seconds = idle_seconds
        self._import_timeout_seconds = import_timeout_seconds
        self._loop = asyncio.get_running_loop()
        self._entries: collections.OrderedDict[str, _Entry] = collections.OrderedDict()
        self._declines: collections.OrderedDict[str, tuple[Imported, float]] = collections.OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    async def find(
        self, key: str, snapshot_directory: Path, file: str, run_as: RunAs | None = None
    ) -> ForkerConnection:
        """The warm parent of a key; where there is none, one that then imports the file, as the user of the key.

        Raises:
            Declined: the file has to run in fresh processes.
            ForkerLost: the zygote ended meanwhile.
        """
        self._refuse_declined(key)
        entry = self._entries.get(key)
        if entry is None or entry.is_over():
            start = self._start(key, snapshot_directory, file, run_as)
            entry = self._entries[key] = _Entry(self._loop.create_task(start))
            entry.parent.add_done_callback(lambda parent: parent.cancelled() or parent.exception())  # seen by somebody
            self._retire_surplus(but=key)
        entry.last_used = self._loop.time()
        self._entries.move_to_end(key)
        self._set_timer()
        if entry.parent.done():
            return entry.parent.result()
        return await asyncio.shield(entry.parent)

    async def close(self) -> None:
        """Stop imports that are under way and timers; the processes are left to the lifeline."""
        if self._timer:
            self._timer.cancel()
        under_way = [entry.parent for entry in self._entries.values() if not entry.parent.done()]
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way)

    def _refuse_declined(self, key: str) -> None:
        if not self._max_parents:
            raise Declined("This worker keeps no warm parents.")
        imported, until = self._declines.get(key, (None, 0.0))
        if imported and until > self._loop.time():
            raise _declined(imported)

    async def _start(self, key: str, snapshot_directory: Path, file: str, run_as: RunAs | None) -> ForkerConnection:
        connection = await self._fork(snapshot_directory, file, run_as)
        try:
            async with asyncio.timeout(self._import_timeout_seconds):
                imported = await asyncio.shield(connection.imported)
        except TimeoutError:
            connection.kill()
            reason = f"The import of {file} took longer than {self._import_timeout_seconds:g} seconds."
            imported = Imported(reason, lasting=False)
        except asyncio.CancelledError:
            connection.kill()
            raise
        except ForkerLost:
            reason = f"The import of {file} ended its process with {await asyncio.shield(connection.process.exited)}."
            imported = Imported(reason, lasting=False)
        if imported.decline:
            self._remember_decline(key, imported)
            raise _declined(imported)
        return connection

    async def _fork(self, snapshot_directory: Path, file: str, run_as: RunAs | None) -> ForkerConnection:
        zygote = await self._zygote()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)  # noqa: FBT003 - the standard library's signature
        try:
            process = await zygote.start_warm_parent(str(snapshot_directory), file, theirs.fileno(), run_as)
        except ForkRefused as error:
            ours.close()
            raise Declined(str(error)) from error
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return ForkerConnection(ours, process, zygote.session, live=self._live, on_end=self._on_end)

    def _remember_decline(self, key: str, imported: Imported) -> None:
        if imported.lasting:
            logger.info("file is not forked key=%s reason=%r", key, imported.decline)
        self._declines[key] = (imported, math.inf if imported.lasting else self._loop.time() + self._idle_seconds)
        if len(self._declines) > _MAX_DECLINES:
            self._declines.popitem(last=False)

    def _retire_surplus(self, *, but: str) -> None:
        for key, entry in list(self._entries.items()):
            if entry.is_over():
                del self._entries[key]
        oldest = [key for key in self._entries if key != but]
        for key in oldest[: max(0, len(self._entries) - self._max_parents)]:
            self._retire(key)

    def _retire(self, key: str) -> None:
        entry = self._entries[key]
        if not entry.parent.done():  # somebody waits for the import; its turn comes again
            entry.last_used = self._loop.time()
            return
        del self._entries[key]
        if not entry.is_over():
            entry.parent.result().retire()

    def _set_timer(self) -> None:
        if self._timer is None and self._entries:
            oldest = min(entry.last_used for entry in self._entries.values())
            self._timer = self._loop.call_at(oldest + self._idle_seconds, self._retire_idle)

    def _retire_idle(self) -> None:
        self._timer = None
        now = self._loop.time()
        for key, entry in list(self._entries.items()):
            if entry.last_used + self._idle_seconds <= now:
                self._retire(key)
        self._set_timer()


def _declined(imported: Imported) -> Declined:
    return Declined(imported.decline or "", unfit=imported.lasting)

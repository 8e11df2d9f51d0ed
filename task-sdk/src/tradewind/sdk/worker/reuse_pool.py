"""Processes that run one try after another: which wait for the next one, for whom, and for how long."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
from collections.abc import Callable, Sequence

from tradewind.sdk.worker.control import Turn, decode_turn_ended, encode
from tradewind.sdk.worker.descriptors import MAX_CONTROL_BYTES, send_with_descriptors
from tradewind.sdk.worker.live_process import ExitStatus, LiveProcess

logger = logging.getLogger("tradewind.worker")

MAX_TURNS = 1000
"""After so many tries a process ends, so that what they leave in its memory does not add up for ever."""

MAX_AGE_SECONDS = 3600.0
_LEAVE_SECONDS = 5.0
"""What the exit handlers of user code get in a process that is not needed any more."""


class ReusedProcess:
    """One process that is reused.

    Args:
        control: the launcher's end of its control socket, non-blocking, owned from now on.
        process: the process.
        session: id of its session.
        key: whose tries it may run.
        waits: called when it has ended a turn and may take another.

    Attributes:
        process: the process.
        session: id of its session.
        key: whose tries it may run.
        turns: how many it has taken.
        idle_since: when its last turn ended, on the event loop's clock.
        leaving: why it ends after its last turn, once it has said so.
        retired: whether it takes no further turn.
    """

    def __init__(
        self,
        control: socket.socket,
        process: LiveProcess,
        session: int,
        *,
        key: str,
        waits: Callable[[ReusedProcess], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._control = control
        self._waits = waits
        self._turn: LiveProcess | None = None
        self._numbers = itertools.count(1)
        self._number = 0
        self.process = process
        self.session = session
        self.key = key
        self.turns = 0
        self.started_at = self.idle_since = self._loop.time()
        self.leaving: str | None = None
        self.retired = False
        self._loop.add_reader(control.fileno(), self._read)
        process.exited.add_done_callback(self._end)

    def begin(self, descriptors: Sequence[int], snapshot_directory: str, file: str) -> LiveProcess | None:
        """Give it a turn; what ends with the turn, at the latest with the process. None when the process is gone."""
        if self.retired or self.process.exited.done():
            return None
        self._number = next(self._numbers)
        try:
            send_with_descriptors(
                self._control, encode(Turn(self._number, snapshot_directory, file)), list(descriptors)
            )
        except OSError:
            self.retire()
            return None
        self.turns += 1
        self._turn = LiveProcess(self.process.pid, self.process.start_ticks)
        return self._turn

    def retire(self) -> None:
        """Let it end after the turn that it has, at once when it has none."""
        if self.retired:
            return
        self.retired = True
        if not self.process.exited.done():
            self._control.shutdown(socket.SHUT_WR)

    def age(self) -> float:
        """Seconds since its start."""
        return self._loop.time() - self.started_at

    def _read(self) -> None:
        try:
            message = self._control.recv(MAX_CONTROL_BYTES)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            self.retired = True
            self._loop.remove_reader(self._control.fileno())
            return
        ended = decode_turn_ended(message)
        if ended.number != self._number:
            return
        if ended.leaving:
            # Its turn ends with it: what it has left is to be gone by then.
            self.leaving = ended.leaving
            self.retired = True
            return
        turn, self._turn = self._turn, None
        self.idle_since = self._loop.time()
        # Before whoever waits for the turn goes on: the next try finds the process.
        self._waits(self)
        if turn is not None:
            turn.end(ExitStatus(0, None))

    def _end(self, exited: asyncio.Future[ExitStatus]) -> None:
        self.retired = True
        self._loop.remove_reader(self._control.fileno())
        self._control.close()
        if self._turn is not None:
            self._turn.end(exited.result())
            self._turn = None


class ReusePool:
    """The processes that wait, the one that waits shortest first in line.

    Args:
        max_idle: how many may wait; beyond that the one that waits longest ends.
        idle_seconds: one that waits so long ends.
        kill: kills a process that does not end by itself.
    """

    def __init__(self, *, max_idle: int, idle_seconds: float, kill: Callable[[LiveProcess], None]) -> None:
        self._max_idle = max_idle
        self._idle_seconds = idle_seconds
        self._kill = kill
        self._loop = asyncio.get_running_loop()
        self._idle: list[ReusedProcess] = []  # the one that waits longest first
        self._timer: asyncio.TimerHandle | None = None

    def take(self, keys: Sequence[str]) -> ReusedProcess | None:
        """A process that waits for one of the keys, the first key first; None when there is none."""
        for key in keys:
            for index in range(len(self._idle) - 1, -1, -1):
                if self._idle[index].key == key:
                    found = self._idle.pop(index)
                    if not found.retired:
                        return found
        return None

    def waits(self, process: ReusedProcess) -> None:
        """A process has ended its turn."""
        if process.retired:
            return
        if process.turns >= MAX_TURNS or process.age() >= MAX_AGE_SECONDS:
            self._retire(process)
            return
        self._idle.append(process)
        if len(self._idle) > self._max_idle:
            self._retire(self._idle.pop(0))
        self._set_timer()

    def close(self) -> None:
        """Stop the timer; the processes are left to the lifeline."""
        if self._timer:
            self._timer.cancel()

    def _retire(self, process: ReusedProcess) -> None:
        process.retire()
        self._loop.call_later(_LEAVE_SECONDS, self._kill, process.process)

    def _set_timer(self) -> None:
        if self._timer is None and self._idle:
            self._timer = self._loop.call_at(self._idle[0].idle_since + self._idle_seconds, self._retire_idle)

    def _retire_idle(self) -> None:
        self._timer = None
        self._idle = [process for process in self._idle if not process.retired]
        while self._idle and self._idle[0].idle_since + self._idle_seconds <= self._loop.time():
            self._retire(self._idle.pop(0))
        self._set_timer()

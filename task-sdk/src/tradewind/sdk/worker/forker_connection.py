"""The supervisor's side of a process that forks: asks it for children and follows what becomes of them."""

from __future__ import annotations

import asyncio
import functools
import itertools
import signal
import socket
from collections.abc import Callable, Sequence

from tradewind.sdk.worker.alarms import Alarm, alarms
from tradewind.sdk.worker.control import (
    Exited,
    Imported,
    NotStarted,
    RunAs,
    StartChild,
    Started,
    StartWarmParent,
    decode_from_forker,
    encode,
)
from tradewind.sdk.worker.descriptors import MAX_CONTROL_BYTES, send_with_descriptors
from tradewind.sdk.worker.live_process import ExitStatus, LiveProcess, when_child_ends
from tradewind.sdk.worker.process_tree import send_signal

# Keeps the socket's buffer, and the descriptors in flight that the kernel allows a user, from ever being full.
_MAX_PENDING = 32
_MAX_READS = 16
START_TIMEOUT_SECONDS = 60.0
"""A forker that has not answered for so long is stuck and gets killed; forking takes milliseconds."""


class ForkerLost(Exception):
    """The process that was to fork has ended; what was asked of it has not started, or will not run."""


class ForkRefused(Exception):
    """The kernel did not fork; the message says why."""


class ForkerConnection:
    """One zygote or warm parent.

    Args:
        control: the launcher's end of the socket, non-blocking, owned from now on.
        process: the forker itself.
        session: id of the session of everything that it forks.
        live: every process below the supervisor by id, shared by all connections and kept up to date here.
        on_end: called after the end of a process: it may have left orphans.

    Attributes:
        process: the forker itself.
        session: id of the session of everything that it forks.
        imported: for a warm parent, how its import went; fails with `ForkerLost` when it ended before.
        lost: True when nothing can be asked of it any more.
    """

    def __init__(
        self,
        control: socket.socket,
        process: LiveProcess,
        session: int,
        *,
        live: dict[int, LiveProcess],
        on_end: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._control = control
        self._live = live
        self._on_end = on_end
        self._children: dict[int, LiveProcess] = {}
        self._pending: dict[int, tuple[asyncio.Future[LiveProcess], Alarm]] = {}
        self._alarms = alarms()
        self._numbers = itertools.count(1)
        self._slots = asyncio.Semaphore(_MAX_PENDING)
        self.process = process
        self.session = session
        self.imported: asyncio.Future[Imported] = self._loop.create_future()
        self.lost = False
        self._when_over: list[Callable[[ForkerConnection], None]] = []
        live[process.pid] = process
        process.exited.add_done_callback(self._adopt_children)
        self._loop.add_reader(control.fileno(), self._read)

    async def start_child(
        self, descriptors: Sequence[int], *, spawn: bool = False, reuse: bool = False, run_as: RunAs | None = None
    ) -> LiveProcess:
        """Start a child with the descriptors that `StartChild` names; there, too, what the other arguments mean.

        Raises:
            ForkerLost: the forker ended first. A child that it may have forked never gets an assignment.
            ForkRefused: the kernel did not fork.
        """
        async with self._slots:
            return await self._ask(StartChild(next(self._numbers), spawn, reuse, run_as), descriptors)

    def ask_for_child(self, descriptors: Sequence[int]) -> asyncio.Future[LiveProcess]:
        """The same, without waiting for others that are being started: for one child at a time."""
        return self._ask(StartChild(next(self._numbers)), descriptors)

    async def start_warm_parent(
        self, snapshot_directory: str, file: str, control: int, run_as: RunAs | None = None
    ) -> LiveProcess:
        """Fork a warm parent of a DAG file, with its end of a control socket.

        Raises:
            ForkerLost: the forker ended first.
            ForkRefused: the kernel did not fork.
        """
        async with self._slots:
            request = StartWarmParent(next(self._numbers), snapshot_directory, file, run_as)
            return await self._ask(request, (control,))

    def when_over(self, act: Callable[[ForkerConnection], None]) -> None:
        """Call back, once, when the forker is retired or lost."""
        self._when_over.append(act)

    def retire(self) -> None:
        """Let the forker end as soon as it has done what it was asked for; its children live on."""
        if not self.lost:
            self._control.shutdown(socket.SHUT_WR)
        self._tell_that_it_is_over()

    def kill(self) -> None:
        """End the forker at once; its children live on."""
        send_signal(self.process.pid, self.process.start_ticks, signal.SIGKILL)

    def _ask(self, request: StartChild | StartWarmParent, descriptors: Sequence[int]) -> asyncio.Future[LiveProcess]:
        if self.lost:
            raise ForkerLost("It has ended.")
        try:
            send_with_descriptors(self._control, encode(request), descriptors)
        except BlockingIOError as error:
            raise ForkRefused("Too many processes wait to be started.") from error
        except OSError as error:
            self._lose()
            raise ForkerLost(f"It does not listen: {error}.") from error
        started: asyncio.Future[LiveProcess] = self._loop.create_future()
        self._pending[request.launch_id] = (started, self._alarms.after(START_TIMEOUT_SECONDS, self.kill))
        return started

    def _read(self) -> None:
        for _ in range(_MAX_READS):
            if self.lost or not self._read_one():
                return

    def _read_one(self) -> bool:
        """Take one message; False when there is none now, or there will be none any more."""
        try:
            message = self._control.recv(MAX_CONTROL_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            message = b""
        if message:
            self._take(message)
        else:
            self._close()
        return bool(message)

    def _take(self, message: bytes) -> None:
        match decode_from_forker(message):
            case Started(launch_id, pid, start_ticks):
                process = LiveProcess(pid, start_ticks)
                self._children[pid] = self._live[pid] = process
                self._answer(launch_id, process)
            case NotStarted(launch_id, reason):
                self._answer(launch_id, ForkRefused(reason))
            case Exited(pid, code, signal_number):
                self._end_child(pid, ExitStatus(code, signal_number))
            case Imported() as imported:
                if not self.imported.done():
                    self.imported.set_result(imported)

    def _answer(self, launch_id: int, answer: LiveProcess | ForkRefused) -> None:
        started, overdue = self._pending.pop(launch_id)
        overdue.cancel()
        if started.done():  # whoever asked has given up; without an assignment the child ends
            return
        if isinstance(answer, ForkRefused):
            started.set_exception(answer)
        else:
            started.set_result(answer)

    def _end_child(self, pid: int, status: ExitStatus) -> None:
        process = self._children.pop(pid)
        self._leave(process)
        process.end(status)
        self._on_end()

    def _leave(self, process: LiveProcess) -> None:
        if self._live.get(process.pid) is process:  # or the id has a new bearer already, reported by another forker
            del self._live[process.pid]

    def _lose(self) -> None:
        """It has ended: take what it had still said, and nothing more."""
        while not self.lost and self._read_one():
            pass
        self._close()

    def _close(self) -> None:
        if self.lost:
            return
        self.lost = True
        self._loop.remove_reader(self._control.fileno())
        self._control.close()
        for started, overdue in self._pending.values():
            overdue.cancel()
            if not started.done():
                started.set_exception(ForkerLost("It ended before it had forked."))
        self._pending.clear()
        self._tell_that_it_is_over()
        if not self.imported.done():
            self.imported.set_exception(ForkerLost("It ended before it had imported its file."))
            self.imported.exception()  # seen, also when nobody waits

    def _tell_that_it_is_over(self) -> None:
        acts, self._when_over = self._when_over, []
        for act in acts:
            act(self)

    def _adopt_children(self, _exited: asyncio.Future[ExitStatus]) -> None:
        """Take over from a forker that has ended: only now has the kernel handed its children over."""
        self._lose()
        self._leave(self.process)
        for pid in list(self._children):
            when_child_ends(pid, functools.partial(self._end_child, pid))
        self._on_end()

"""The loop of a process that forks for the launcher: the zygote, and each warm parent."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeAlias

from tradewind.sdk.worker import child, linux, process_tree, reused, spawned
from tradewind.sdk.worker.control import (
    MAX_REASON,
    Exited,
    FromForker,
    NotStarted,
    StartChild,
    Started,
    StartWarmParent,
    decode_to_forker,
    encode,
)
from tradewind.sdk.worker.descriptors import receive_with_descriptors
from tradewind.sdk.worker.lifeline import ChildLifelines

_CHILD_DESCRIPTORS = 4
_ANY_CHILD = int(os.P_ALL)
_ENDED_STILL_THERE = os.WEXITED | os.WNOHANG | os.WNOWAIT
_EXITED = int(os.CLD_EXITED)
READY_LIFELINES = 32
"""How many lifelines a forker keeps ready, twice the default capacity of a worker."""
StartWarm: TypeAlias = Callable[[StartWarmParent, Sequence[int]], NoReturn]


class Forker:
    """Forks on request and reports every end.

    The report of an end is sent before the process is waited for, so that a forker that is killed between the two
    leaves an ended process for the supervisor to wait for, and no end is ever lost.

    Args:
        control: the socket to the launcher.
        runner: what children run.
        loaded: what they find imported.
        lifelines: for children.
        start_warm: what a forked warm parent does; None where none can be asked for.
    """

    def __init__(
        self,
        control: socket.socket,
        runner: child.Runner,
        *,
        loaded: object | None,
        lifelines: ChildLifelines,
        start_warm: StartWarm | None,
    ) -> None:
        self._control = control
        self._runner = runner
        self._loaded = loaded
        self._lifelines = lifelines
        self._start_warm = start_warm

    def serve(self) -> None:
        """Serve until the launcher closes its side. Children live on: they become the supervisor's."""
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGCHLD,))
        ends = linux.open_signal_descriptor((signal.SIGCHLD,))
        poller = select.poll()
        poller.register(ends, select.POLLIN)  # the first that `poll` tells of
        poller.register(self._control, select.POLLIN)
        self._report_ends()  # of those that ended before the signal was blocked
        with contextlib.suppress(ConnectionError):
            while True:
                for descriptor, _event in poller.poll():
                    if descriptor == ends:
                        os.read(ends, linux.SIGNAL_RECORD_BYTES)
                        self._report_ends()
                    elif not self._serve_one():
                        return

    def send(self, message: FromForker) -> None:
        """Tell the launcher.

        Raises:
            ConnectionError: it is gone.
        """
        self._control.send(encode(message))

    def _serve_one(self) -> bool:
        message, received = receive_with_descriptors(self._control, _CHILD_DESCRIPTORS)
        if not message:
            return False
        try:
            self._fork(decode_to_forker(message), received)
        finally:
            for descriptor in received:
                os.close(descriptor)
        return True

    def _fork(self, request: StartChild | StartWarmParent, received: Sequence[int]) -> None:
        own_lifeline = self._lifelines.next()
        try:
            pid = os.fork()
        except OSError as error:
            self.send(NotStarted(request.launch_id, f"The kernel cannot fork: {error}."[:MAX_REASON]))
            return
        if pid == 0:
            self._become(request, received, own_lifeline)
        if isinstance(request, StartChild):
            self._lifelines.arm(pid)
        try:  # noqa: SIM105 - what runs for each fork copies fewer memory pages without contextlib
            os.setpgid(pid, pid)
        except PermissionError:  # it is another program already, and has done it itself
            pass
        # It cannot have been waited for yet, hence it has a status.
        self._control.send(encode(Started(request.launch_id, pid, process_tree.start_ticks(pid))))

    def _become(
        self, request: StartChild | StartWarmParent, received: Sequence[int], own_lifeline: int | None
    ) -> NoReturn:
        try:
            if isinstance(request, StartChild):
                self._run_child(request, received, own_lifeline)
            elif self._start_warm:
                self._start_warm(request, received)
        except BaseException:  # noqa: BLE001 - there is no frame above that belongs to this process
            traceback.print_exc()
        finally:
            os._exit(child.EXIT_WITHOUT_RESULT)

    def _run_child(self, request: StartChild, received: Sequence[int], own_lifeline: int | None) -> NoReturn:
        if request.spawn:
            spawned.run(self._runner.__name__, received, own_lifeline, request.run_as, reuse=request.reuse)
        run = reused.run if request.reuse else child.run
        run(self._runner, self._loaded, received, own_lifeline, request.run_as)

    def _report_ends(self) -> None:
        try:
            while end := os.waitid(_ANY_CHILD, 0, _ENDED_STILL_THERE):
                pid, status = end.si_pid, end.si_status
                exited = end.si_code == _EXITED
                self._control.send(encode(Exited(pid, status, None) if exited else Exited(pid, None, status)))
                os.waitpid(pid, 0)
                self._lifelines.release(pid)
        except ChildProcessError:  # there are no children
            return

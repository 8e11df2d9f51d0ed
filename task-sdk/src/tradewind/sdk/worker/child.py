"""A forked process that runs one activity: what it sheds of its parent, what it runs, how it ends."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from typing import NoReturn, Protocol

from tradewind.sdk.worker import lifeline, linux
from tradewind.sdk.worker.channel import Channel
from tradewind.sdk.worker.descriptors import CHANNEL, FIRST_FREE, LOG

EXIT_WITHOUT_RESULT = 1
"""Exit code of a child whose own code, not the task's, has failed; the traceback is on its standard error."""

_STANDARD_OUTPUT = 1
_STANDARD_ERROR = 2


class Runner(Protocol):
    """What a child runs: a module with these functions, named on the zygote's command line."""

    def prepare(self) -> None:
        """Make ready, once in the zygote, what all children share."""

    def load_dag_file(self, snapshot_directory: str, file: str) -> object:
        """Import a DAG file of a snapshot in a warm parent; what it returns goes to `run_activity` in its children."""

    def run_activity(self, assignment: bytes, channel: Channel, log_descriptor: int, loaded: object | None) -> bytes:
        """Do what the assignment says and return the body of the result frame.

        Args:
            assignment: body of the first frame.
            channel: for requests to the supervisor.
            log_descriptor: where the structured log goes.
            loaded: the imported file in a child of a warm parent, None in a fresh process.
        """


def run(runner: Runner, loaded: object | None, received: Sequence[int], own_lifeline: int | None) -> NoReturn:
    """Turn a just forked process into a child, run its activity, and end.

    Few functions and no detours: each page that it touches first is copied, and that is most of what a process costs.

    Args:
        runner: what to run.
        loaded: what the warm parent has imported, None in a fresh process.
        received: descriptors for channel, standard output, standard error and log.
        own_lifeline: see `lifeline.accept`.
    """
    code = EXIT_WITHOUT_RESULT
    try:
        lifeline.accept(own_lifeline)
        _shed(received)
        code = _work(runner, loaded)
    except BaseException:  # noqa: BLE001 - there is no frame above that belongs to this process
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:  # noqa: SIM105 - see above
                stream.flush()
            except Exception:  # noqa: BLE001, S110 - user code has closed or replaced it; nobody is left to tell
                pass
        os._exit(code)


def _shed(received: Sequence[int]) -> None:
    """Become a process of its own: descriptors, signals, orphans, random numbers, garbage.

    The process group is the parent's work: it is done before an assignment is sent.
    """
    channel, output, error, log = received
    os.dup2(output, _STANDARD_OUTPUT)
    os.dup2(error, _STANDARD_ERROR)
    os.dup2(channel, CHANNEL, inheritable=False)
    os.dup2(log, LOG, inheritable=False)
    linux.close_descriptors_from(FIRST_FREE)
    linux.unblock_signals()
    linux.set_child_subreaper(True)
    # The standard library's generator seeds itself after a fork.
    if numpy_random := sys.modules.get("numpy.random"):
        numpy_random.seed()
    gc.enable()


def _work(runner: Runner, loaded: object | None) -> int:
    channel = Channel(CHANNEL)
    assignment = channel.receive()
    if assignment is None:  # the launch was given up; nothing has run
        return EXIT_WITHOUT_RESULT
    result = runner.run_activity(assignment, channel, LOG, loaded)
    # As at the end of a program: threads that are no daemons are waited for, then what was registered with atexit runs.
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as the interpreter does; `os._exit` does not
    channel.send(result)
    atexit._run_exitfuncs()  # noqa: SLF001 - the same
    return 0

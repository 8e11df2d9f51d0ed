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

from tradewind.sdk.worker import lifeline, linux, run_as
from tradewind.sdk.worker.channel import Channel
from tradewind.sdk.worker.control import RunAs
from tradewind.sdk.worker.descriptors import CHANNEL, FIRST_FREE, LIFELINE, LOG, NO_DESCRIPTOR

EXIT_WITHOUT_RESULT = 1
"""Exit code of a child whose own code, not the task's, has failed; the traceback is on its standard error."""

_REHEARSALS = 10  # CPython 3.11 adapts a function's code after eight calls

STANDARD_OUTPUT = 1
STANDARD_ERROR = 2


class Runner(Protocol):
    """What a child runs: a module with these functions, named on the zygote's command line."""

    __name__: str

    def prepare(self) -> None:
        """Make ready, once in the zygote, what all children share."""

    def make_ready_to_fork(self, loaded: object) -> None:
        """Do in a warm parent, after the import, what makes its children copy fewer of its memory pages."""

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


def run(
    runner: Runner, loaded: object | None, received: Sequence[int], own_lifeline: int | None, user: RunAs | None = None
) -> NoReturn:
    """Turn a just forked process into a child, run its activity, and end.

    Few functions and no detours: each page that it touches first is copied, and that is most of what a process costs.

    Args:
        runner: what to run.
        loaded: what the warm parent has imported, None in a fresh process.
        received: descriptors for channel, standard output, standard error and log.
        own_lifeline: see `lifeline.accept`.
        user: whom to become before user code runs; a warm parent's children are that user already.
    """
    code = EXIT_WITHOUT_RESULT
    try:
        enter(received, own_lifeline, FIRST_FREE, user)
        code = work(runner, loaded)
    except BaseException:  # noqa: BLE001 - there is no frame above that belongs to this process
        traceback.print_exc()
    finally:
        end(code)


def enter(received: Sequence[int], own_lifeline: int | None, first_free: int, user: RunAs | None) -> None:
    """Make a just forked process one of its own; see `run` and `become_own`."""
    lifeline.accept(own_lifeline)
    take_descriptors(received)
    become_own(first_free, user)


def rehearse_entering() -> None:
    """Do in the zygote what its children begin with, without effect: Python adapts code that has run some times."""
    own_lifeline, *received = map(os.dup, (LIFELINE, CHANNEL, STANDARD_OUTPUT, STANDARD_ERROR, LOG))
    for _ in range(_REHEARSALS):
        enter(received, own_lifeline, NO_DESCRIPTOR, None)
    for descriptor in (own_lifeline, *received):
        os.close(descriptor)
    gc.disable()
    lifeline.refuse()
    linux.set_child_subreaper(False)
    linux.set_dumpable(False)


def take_descriptors(received: Sequence[int]) -> None:
    """Put channel, standard output, standard error and log to their numbers."""
    channel, output, error, log = received
    os.dup2(output, STANDARD_OUTPUT)
    os.dup2(error, STANDARD_ERROR)
    os.dup2(channel, CHANNEL, inheritable=False)
    os.dup2(log, LOG, inheritable=False)


def become_own(first_free: int, user: RunAs | None) -> None:
    """Shed what a fork shares with its parent: descriptors, signals, orphans, random numbers, garbage; then the user.

    The process group is the parent's work: it is done before an assignment is sent.

    Args:
        first_free: every descriptor from here on is closed.
        user: whom to become.
    """
    linux.become_child(first_free)
    if user is not None:
        run_as.become(user)
    # The standard library's generator seeds itself after a fork.
    seed_numpy()
    gc.enable()


def seed_numpy() -> None:
    """Give this process random numbers of its own, if it has imported what makes them."""
    if numpy_random := sys.modules.get("numpy.random"):
        numpy_random.seed()


def work(runner: Runner, loaded: object | None) -> int:
    """Run the activity that comes over the channel; the exit code."""
    channel = Channel(CHANNEL)
    assignment = channel.receive()
    if assignment is None:  # the launch was given up; nothing has run
        return EXIT_WITHOUT_RESULT
    report(channel, runner.run_activity(assignment, channel, LOG, loaded))
    return 0


def report(channel: Channel, result: bytes) -> None:
    """Send the result as at the end of a program: threads that are no daemons end before, exit handlers run after."""
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as the interpreter does; `os._exit` does not
    channel.send(result)
    atexit._run_exitfuncs()  # noqa: SLF001 - the same


def finish_program() -> None:
    """Do what the interpreter does at the end of a program."""
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - see above
    atexit._run_exitfuncs()  # noqa: SLF001 - the same


def end(code: int) -> NoReturn:
    """End the process with what it has printed written."""
    for stream in (sys.stdout, sys.stderr):
        try:  # noqa: SIM105 - a child copies fewer pages without contextlib
            stream.flush()
        except Exception:  # noqa: BLE001, S110 - user code has closed or replaced it; nobody is left to tell
            pass
    os._exit(code)

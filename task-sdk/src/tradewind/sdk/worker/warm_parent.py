"""A process that has imported one DAG file and is forked for each of its tries, if the import left it fit for that."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import NoReturn

from tradewind.sdk.runtime import ImportNeedsTry
from tradewind.sdk.worker import child, descriptors, lifeline, linux, page_layout, process_tree, run_as
from tradewind.sdk.worker.control import MAX_REASON, Imported, StartWarmParent
from tradewind.sdk.worker.descriptors import CONTROL
from tradewind.sdk.worker.forker import READY_LIFELINES, Forker

_ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    ),
    "1",
)
"""Keeps numerical libraries from starting threads while they are imported."""


def run(runner: child.Runner, request: StartWarmParent, received: Sequence[int]) -> NoReturn:
    """Turn a just forked process into a warm parent, and serve until the launcher closes its side.

    Args:
        runner: what imports the file and what children run.
        request: which file.
        received: the descriptor of the control socket.
    """
    # The zygote's own socket is at this number: closed by being replaced.
    os.dup2(received[0], CONTROL, inheritable=False)
    linux.close_descriptors_from(CONTROL + 1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    # Not dumpable, as the zygote is, it could not open its own /proc/self/fd.
    linux.set_dumpable(True)
    lifeline.arm()
    lifelines = lifeline.ChildLifelines(READY_LIFELINES)
    if request.run_as is not None:
        run_as.become(request.run_as)
    before = descriptors.open_descriptors()
    loaded, failure = _load(runner, request)
    decline = failure or unfit_to_fork(before)
    # A try of one DAG must not reach into the process from which tries of another are forked.
    linux.set_dumpable(False)
    forker = Forker(socket.socket(fileno=CONTROL), runner, loaded=loaded, lifelines=lifelines, start_warm=None)
    with contextlib.suppress(ConnectionError):
        forker.send(Imported(decline and decline[:MAX_REASON], lasting=failure is None))
        if decline is None:
            _make_ready(runner, loaded)
            gc.collect()
            gc.freeze()
            page_layout.use_huge_pages()
            page_layout.leave_no_gaps()
            forker.serve()
    os._exit(0)


def _make_ready(runner: child.Runner, loaded: object) -> None:
    """Make children cheaper. What an import has changed may be in the way of that: its tries are to show it."""
    try:
        runner.make_ready_to_fork(loaded)
    except Exception:  # noqa: BLE001 - see above
        traceback.print_exc()


def _load(runner: child.Runner, request: StartWarmParent) -> tuple[object, str | None]:
    given = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        return runner.load_dag_file(request.snapshot_directory, request.file), None
    except ImportNeedsTry as error:
        return None, str(error)
    except BaseException as error:  # noqa: BLE001 - the try repeats it in a process of its own and reports it in full
        return None, f"The import of {request.file} raised {type(error).__name__}: {error}"
    finally:
        for name, value in given.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        for stream in (sys.stdout, sys.stderr):  # or each child would print it again
            with contextlib.suppress(Exception):  # user code may have closed or replaced it
                stream.flush()


def unfit_to_fork(before: Mapping[int, tuple[int, int]]) -> str | None:
    """Why this process must not be forked after an import, None when it may be.

    A thread does not exist in a forked process, while its locks do; a descriptor is shared with every other, its
    position and its bytes with it; a child process belongs to one parent only.

    Args:
        before: what `descriptors.open_descriptors` gave before the import.
    """
    threads = len(linux.numbers_in("/proc/self/task"))
    if threads > 1:
        return f"The import left {threads - 1} thread(s) running."
    for number, target in descriptors.open_descriptors().items():
        if before.get(number) != target:
            return f"The import left descriptor {number} open: {descriptors.describe(number)}."
    if process_tree.children(os.getpid()):
        return "The import left a child process."
    return None

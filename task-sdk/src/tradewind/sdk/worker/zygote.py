"""The process from which all others of a worker are forked: started first, single-threaded, everything imported.

`python -P -m tradewind.sdk.worker.zygote RUNNER`, with the module that children run, the lifeline as descriptor 5, the
launcher's socket as descriptor 6, and the descriptors that only children use reserved.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import gc
import importlib
import io
import os
import signal
import socket
import sys

from tradewind.sdk.worker import lifeline, linux, warm_parent
from tradewind.sdk.worker.descriptors import CHANNEL, CONTROL, LOG
from tradewind.sdk.worker.forker import READY_LIFELINES, Forker


def main() -> None:
    """Run until the launcher closes its side, or dies."""
    (runner_name,) = sys.argv[1:]
    # Held as long as nothing forks, so that nothing is half imported or unreachable in what the children share.
    gc.disable()
    lifeline.hold()
    with contextlib.suppress(PermissionError):  # it leads a session already
        os.setsid()
    _set_up_descriptors()
    lifelines = lifeline.ChildLifelines(READY_LIFELINES)
    linux.set_dumpable(False)
    _reset_signals()
    runner = importlib.import_module(runner_name)
    gc.collect()
    gc.freeze()
    control = socket.socket(fileno=CONTROL)
    start_warm = functools.partial(warm_parent.run, runner)
    Forker(control, runner, loaded=None, lifelines=lifelines, start_warm=start_warm).serve()


def _set_up_descriptors() -> None:
    """Keep what is below it from programs, and leave the supervisor's standard output to the supervisor."""
    os.dup2(2, 1)
    for descriptor in (CHANNEL, LOG, CONTROL):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the standard library's signature
    linux.close_descriptors_from(CONTROL + 1)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    # A crash in native code then leaves a Python traceback on the try's standard error.
    faulthandler.enable()


def _reset_signals() -> None:
    """What whoever started the worker has ignored or blocked (nohup, a shell's background) is not a task's business."""
    for number in signal.valid_signals():
        # Python itself ignores these two, so that writing to what is gone is an exception.
        if signal.getsignal(number) is signal.SIG_IGN and number not in {signal.SIGPIPE, signal.SIGXFSZ}:
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


if __name__ == "__main__":
    main()

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

from tradewind.sdk.worker import child, lifeline, linux, page_layout, warm_parent
from tradewind.sdk.worker.descriptors import CHANNEL, CONTROL, LOG
from tradewind.sdk.worker.forker import READY_LIFELINES, Forker


def main() -> None:
    """Run until the launcher closes its side, or dies."""
    (runner_name,) = sys.argv[1:]
    # Held as long as nothing forks, so that nothing is half imported or unreachable in what the children share.
    gc.disable()
    if os.environ.get(linux.BIND_NOW) == linux.BIND_NOW_OURS:
        del os.environ[linux.BIND_NOW]
    lifeline.hold()
    with contextlib.suppress(PermissionError):  # it leads a session already
        os.setsid()
    _set_up_descriptors()
    lifelines = lifeline.ChildLifelines(READY_LIFELINES)
    linux.set_dumpable(False)
    _reset_signals()
    runner = importlib.import_module(runner_name)
    runner.prepare()
    child.rehearse_entering()
    gc.collect()
    gc.freeze()
    page_layout.leave_no_gaps()
    control = socket.socket(fileno=CONTROL)
    start_warm = functools.partial(warm_parent.run, runner)
    Forker(control, runner, loaded=None, lifelines=lifelines, start_warm=start_warm).serve()


class _Pipe(io.FileIO):
    """What a standard stream will be in children, whatever file or terminal it may be in the zygote."""

    def seekable(self) -> bool:
        return False


def _text_stream(descriptor: int, name: str, *, unbuffered: bool) -> io.TextIOWrapper:
    raw = _Pipe(descriptor, "w", closefd=False)
    raw.name = name
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding="utf-8",
        errors="backslashreplace",
        line_buffering=True,
        write_through=unbuffered,
    )


def _set_up_descriptors() -> None:
    """Keep what is below it from programs, and leave the supervisor's standard output to the supervisor."""
    os.dup2(2, 1)
    for descriptor in (CHANNEL, LOG, CONTROL):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the standard library's signature
    linux.close_descriptors_from(CONTROL + 1)
    unbuffered = isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.write_through  # PYTHONUNBUFFERED
    output = _text_stream(1, "<stdout>", unbuffered=unbuffered)
    error = _text_stream(2, "<stderr>", unbuffered=unbuffered)
    sys.__dict__.update(stdout=output, __stdout__=output, stderr=error, __stderr__=error)
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

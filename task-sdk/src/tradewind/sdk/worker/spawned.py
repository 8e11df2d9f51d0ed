"""A child that is a new interpreter: nothing but its descriptors, its environment and its user come from its parent.

`python -P -m tradewind.sdk.worker.spawned RUNNER once|reused`, with the descriptors of a child in place.
"""

from __future__ import annotations

import faulthandler
import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from tradewind.sdk.worker import child, lifeline, reused
from tradewind.sdk.worker.control import RunAs
from tradewind.sdk.worker.descriptors import CHANNEL, CONTROL, LIFELINE, LOG

_ONCE = "once"
_REUSED = "reused"


def run(
    runner_name: str, received: Sequence[int], own_lifeline: int | None, user: RunAs | None, *, reuse: bool
) -> NoReturn:
    """Turn a just forked process into a new interpreter.

    The program keeps the process: its id, its group, its session, and a lifeline that is armed all the time.

    Args:
        runner_name: module that the process runs.
        received: what a child gets, or the control socket of a reused process.
        own_lifeline: see `lifeline.accept`.
        user: whom to become before.
        reuse: whether the process takes one turn after another.
    """
    try:
        # Nobody can do it for a process that has become another program.
        os.setpgid(0, 0)
        lifeline.accept(own_lifeline)
        if reuse:
            os.dup2(received[0], CONTROL, inheritable=False)
        else:
            child.take_descriptors(received)
        kept = (LIFELINE, CONTROL) if reuse else (LIFELINE, CHANNEL, LOG)
        child.become_own(max(kept) + 1, user)
        for descriptor in kept:
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - the standard library's signature
        arguments = [sys.executable, "-P", "-m", __name__, runner_name, _REUSED if reuse else _ONCE]
        os.execv(arguments[0], arguments)
    except BaseException:  # noqa: BLE001 - there is no frame above that belongs to this process
        traceback.print_exc()
    finally:
        os._exit(child.EXIT_WITHOUT_RESULT)


def main() -> None:
    """Run what the arguments say, and end."""
    code = child.EXIT_WITHOUT_RESULT
    try:
        runner_name, kind = sys.argv[1:]
        for descriptor in (LIFELINE, CONTROL) if kind == _REUSED else (LIFELINE, CHANNEL, LOG):
            os.set_inheritable(descriptor, False)  # noqa: FBT003 - the standard library's signature
        lifeline.hold(by_user_code=True)
        faulthandler.enable()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
        runner = importlib.import_module(runner_name)
        if kind == _REUSED:
            reused.serve(runner, None)
        code = child.work(runner, None)
    except BaseException:  # noqa: BLE001 - there is no frame above that belongs to this process
        traceback.print_exc()
    finally:
        child.end(code)


if __name__ == "__main__":
    main()

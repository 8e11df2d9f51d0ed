"""Makes the wall clock of a worker wrong: Python imports this by its name where the folder is on PYTHONPATH.

`WRONG_CLOCK_SECONDS` is how far ahead the clock is from the start. With `WRONG_CLOCK_STEP_SECONDS` each SIGUSR2 sets it
by so much. The monotonic clock, which no step moves, stays right.
"""

import datetime as dt
import os
import signal
from types import FrameType

import time_machine

_ahead = float(os.environ.get("WRONG_CLOCK_SECONDS", "0"))
_travel = time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=_ahead), tick=True)
_clock = _travel.start()


def _step(_number: int, _frame: FrameType | None) -> None:
    _clock.shift(dt.timedelta(seconds=float(os.environ["WRONG_CLOCK_STEP_SECONDS"])))


if "WRONG_CLOCK_STEP_SECONDS" in os.environ:
    signal.signal(signal.SIGUSR2, _step)

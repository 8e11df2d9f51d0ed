"""A chain with a fork in it whose middle waits until somebody opens a gate: a test can act while it is running.

What runs is written to a file outside the product: one line for each start of user code.
"""

import os
import time
from pathlib import Path

from witness import witnessed

from tradewind.sdk import dag, get_current_context, task

PATIENCE_SECONDS = 100.0


def mark() -> dict[str, str]:
    """Write down that this try runs, and return the configuration of the run."""
    context = get_current_context()
    conf = context["dag_run"].conf
    line = f"{context['ti'].task_id} {context['ti'].try_number} {os.getpid()}\n"
    descriptor = os.open(conf["journal"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return conf


@dag(dag_id="gated", tags=["test"])
def gated() -> None:
    @task
    def first() -> int:
        with witnessed():
            mark()
            return 1

    @task
    def waits(number: int, side: str) -> int:
        with witnessed():
            gate = Path(mark()["gate"])
            until = time.monotonic() + PATIENCE_SECONDS
            while not gate.exists():
                if time.monotonic() > until:
                    raise TimeoutError(f"{gate} was not opened")
                time.sleep(0.02)
            return number + len(side)

    @task
    def last(left: int, right: int) -> int:
        with witnessed():
            mark()
            return left + right

    begun = first()
    last(waits.override(task_id="left")(begun, "left"), waits.override(task_id="right")(begun, "right"))


gated()

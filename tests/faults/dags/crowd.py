"""Many tasks at once that wait until somebody opens a gate."""

import time
from pathlib import Path

from witness import witnessed

from tradewind.sdk import DAG, get_current_context, task

SIZE = 12
PATIENCE_SECONDS = 100.0


def wait() -> int:
    """Wait at the gate, and then, if the run says so, for some seconds to leave a value."""
    conf = get_current_context()["dag_run"].conf
    gate = Path(conf["gate"])
    with witnessed() as witness:
        until = time.monotonic() + PATIENCE_SECONDS
        while not gate.exists():
            if time.monotonic() > until:
                raise TimeoutError(f"{gate} was not opened")
            time.sleep(0.02)
        print("passed the gate")
        if "patience" in conf:
            time.sleep(conf["patience"])
            witness.push("value", 7)
        return 1


with DAG(dag_id="crowd", default_args={"retries": 3, "retry_delay": 0}):
    for number in range(SIZE):
        task(task_id=f"waits_{number}")(wait)()

"""Tasks of each isolation that wait until somebody opens a gate, then say in which process they ran."""

import os
import time
from pathlib import Path

from witness import witnessed

from tradewind.sdk import dag, get_current_context, task

PATIENCE_SECONDS = 100.0


def wait_for_gate() -> int:
    """Say where this try runs, and wait."""
    context = get_current_context()
    conf, instance = context["dag_run"].conf, context["ti"]
    folder = Path(conf["folder"])
    with witnessed():
        (folder / f"{instance.task_id}.{instance.try_number}").write_text(str(os.getpid()), encoding="utf-8")
        print("waiting", flush=True)
        until = time.monotonic() + PATIENCE_SECONDS
        while not (folder / "gate").exists():
            if time.monotonic() > until:
                raise TimeoutError("the gate was not opened")
            time.sleep(0.02)
        print("done", flush=True)
        return os.getpid()


@dag(dag_id="isolated", tags=["test"])
def isolated() -> None:
    for isolation in ("fork", "spawn", "reuse"):
        waiting = task(task_id=isolation, isolation=isolation, retries=1, retry_delay=0)(wait_for_gate)()
        task(task_id=f"after_{isolation}", isolation=isolation)(os.getpid)().set_upstream(waiting)


isolated()

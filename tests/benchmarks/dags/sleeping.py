"""Tasks that do nothing until they are let go: each waits for somebody to open the other end of a pipe."""

import os
import time
from pathlib import Path

from marking import mark

from tradewind.sdk import DAG, task

SIZE = 16

with DAG(dag_id=f"sleeping_{SIZE}", max_active_tasks=SIZE):

    @task
    def sleep(name: str) -> None:
        mark(name, time.time())
        Path(os.environ["BENCHMARK_GATE"]).read_bytes()

    for number in range(SIZE):
        sleep.override(task_id=f"task_{number:03d}")(f"{number:03d}")

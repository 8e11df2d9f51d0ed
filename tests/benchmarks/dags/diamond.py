"""A first task, several beside each other, a last one; any number of runs at once."""

import time

from marking import mark

from tradewind.sdk import DAG, task

SIZE = 10

with DAG(dag_id=f"diamond_{SIZE}", max_active_runs=100_000):

    @task
    def step(name: str) -> None:
        mark(name, time.time())

    first, last = step.override(task_id="first")("first"), step.override(task_id="last")("last")
    for number in range(SIZE - 2):
        first >> step.override(task_id=f"middle_{number:03d}")(f"{number:03d}") >> last

"""Tasks that are independent of each other, each in a process of its own."""

import time

from marking import mark

from tradewind.sdk import DAG, task

SIZE = 1000

with DAG(dag_id=f"wide_{SIZE}"):

    @task
    def one_of_many(name: str) -> None:
        mark(name, time.time())

    for number in range(SIZE):
        one_of_many.override(task_id=f"task_{number:05d}")(f"{number:05d}")

"""Tasks that are independent of each other, in processes that run one after another."""

import time

from marking import mark

from tradewind.sdk import DAG, task

SIZE = 1000

with DAG(dag_id=f"reuse_{SIZE}"):

    @task(isolation="reuse")
    def one_of_many(name: str) -> None:
        mark(name, time.time())

    for number in range(SIZE):
        one_of_many.override(task_id=f"task_{number:05d}")(f"{number:05d}")

"""One task."""

import time

from marking import mark

from tradewind.sdk import DAG, task

SIZE = 1

with DAG(dag_id=f"single_{SIZE}"):

    @task
    def only() -> None:
        mark("only", time.time())

    only()

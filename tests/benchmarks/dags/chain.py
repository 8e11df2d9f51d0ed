"""Tasks one after the other."""

import time

from marking import mark

from tradewind.sdk import DAG, task

SIZE = 20

with DAG(dag_id=f"chain_{SIZE}"):

    @task
    def link(name: str) -> None:
        mark(name, time.time())

    before = None
    for number in range(SIZE):
        link_of_chain = link.override(task_id=f"link_{number:03d}")(f"{number:03d}")
        if before is not None:
            before >> link_of_chain
        before = link_of_chain

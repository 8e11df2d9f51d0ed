"""The DAGs that are measured. A task writes when its user code began and ended, with one write, and that is all."""

import os
import time

from tradewind.sdk import DAG, task

WIDTH = int(os.environ.get("BENCHMARK_WIDTH", "1000"))
LENGTH = int(os.environ.get("BENCHMARK_LENGTH", "20"))


def mark(name: str, began: float) -> None:
    """Append name, process, beginning and end; the end is read last, so that only the write itself counts as a gap."""
    descriptor = os.open(os.environ["BENCHMARK_MARKS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{name}\t{os.getpid()}\t{began:.6f}\t{time.time():.6f}\n".encode())
    os.close(descriptor)


with DAG(dag_id="single"):

    @task
    def only() -> None:
        mark("only", time.time())

    only()

with DAG(dag_id="chain"):

    @task
    def link(name: str) -> None:
        mark(name, time.time())

    before = None
    for number in range(LENGTH):
        link_of_chain = link.override(task_id=f"link_{number:03d}")(f"{number:03d}")
        if before is not None:
            before >> link_of_chain
        before = link_of_chain

with DAG(dag_id="wide"):

    @task
    def one_of_many(name: str) -> None:
        mark(name, time.time())

    for number in range(WIDTH):
        one_of_many.override(task_id=f"task_{number:04d}")(f"{number:04d}")

with DAG(dag_id="wide_reuse"):

    @task(isolation="reuse")
    def one_of_many_in_turn(name: str) -> None:
        mark(name, time.time())

    for number in range(WIDTH):
        one_of_many_in_turn.override(task_id=f"task_{number:04d}")(f"{number:04d}")

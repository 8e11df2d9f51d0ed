"""One of many files: five tasks one after the other."""

from tradewind.sdk import DAG, task

SIZE = 0
TASKS = 5

with DAG(dag_id=f"five_{SIZE}"):

    @task
    def nothing() -> None:
        pass

    before = None
    for number in range(TASKS):
        one = nothing.override(task_id=f"task_{number}")()
        if before is not None:
            before >> one
        before = one

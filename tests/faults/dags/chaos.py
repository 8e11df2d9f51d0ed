"""DAGs whose tasks are quick and may be run again: each writes down that it runs."""

import time
from typing import Any

from shape import COUNT, TaskShape, make_shape
from witness import witnessed

from tradewind.sdk import DAG, get_current_context, task
from tradewind.sdk.exceptions import TradewindFailException, TradewindSkipException


def work(shape: TaskShape) -> str:
    """Do what a task of this shape does."""
    name: str = shape.task_id
    instance = get_current_context()["ti"]
    with witnessed() as witness:
        for number in range(shape.pushes):
            witness.push(f"value_{number}", [instance.try_id, number])
        print(f"{shape.task_id} sleeps for {shape.seconds}")
        time.sleep(shape.seconds)
        if shape.kind == "fails":
            raise TradewindFailException("it always fails")
        if shape.kind == "skips":
            raise TradewindSkipException("it is never needed")
        if shape.kind == "flaky" and instance.try_number == 1:
            raise RuntimeError("the first try fails")
    return name


def make_dag(number: int) -> DAG:
    """Declare the DAG of a shape."""
    with DAG(dag_id=f"chaos_{number}", default_args={"retries": 50, "retry_delay": 0.05}) as dag:
        made: dict[str, Any] = {}
        for shape in make_shape(number):
            here = task(task_id=shape.task_id, isolation=shape.isolation)(work)(shape)
            for upstream in shape.upstream:
                made[upstream] >> here
            made[shape.task_id] = here
    return dag


for number in range(COUNT):
    globals()[f"chaos_{number}"] = make_dag(number)

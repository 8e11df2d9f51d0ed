"""Task groups, setup and teardown."""

import pendulum

from tradewind.sdk import DAG, TaskGroup, chain, cross_downstream, setup, task, task_group, teardown
from tradewind.sdk.standard.operators.empty import EmptyOperator

with DAG("groups", schedule=None, start_date=pendulum.datetime(2024, 1, 1, tz="Europe/Vienna")):
    start = EmptyOperator(task_id="start")
    with TaskGroup("outer", tooltip="Everything", default_args={"retries": 2}) as outer:
        first = EmptyOperator(task_id="first")
        with TaskGroup("inner") as inner:
            cross_downstream([EmptyOperator(task_id="a"), EmptyOperator(task_id="b")], [EmptyOperator(task_id="c")])
        first >> inner

    @task_group(group_id="numbers")
    def numbers(start_at):
        @task
        def one(value):
            return value + 1

        @task
        def two(value):
            return value * 2

        return two(one(start_at))

    @setup
    def create():
        return "cluster"

    @task
    def work(cluster, number):
        raise ValueError(f"{cluster} has no room for {number}")

    @teardown
    def destroy(cluster):
        return f"{cluster} is gone"

    cluster = create()
    gone = destroy(cluster)
    with gone.as_teardown(setups=cluster):
        work(cluster, numbers(20))
    chain(start, outer, EmptyOperator(task_id="end"))

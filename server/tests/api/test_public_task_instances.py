"""What the public API says of task instances beside their state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.api.deployment import EXECUTOR, Deployment

from tradewind.server.contract import Isolation, OnCut, SerializedDag, SerializedTask, TriggerRule

RUNS = "/api/v2/dags/etl/dagRuns"


def task(task_id: str, *upstream: str, **options: Any) -> SerializedTask:
    return SerializedTask(
        task_id=task_id,
        upstream=sorted(upstream),
        operator="EmptyOperator",
        operator_module="tradewind.sdk.standard.operators.empty",
        trigger_rule=TriggerRule.ALL_SUCCESS,
        retries=0,
        retry_delay_seconds=0.0,
        queue="default",
        executor=EXECUTOR,
        isolation=Isolation.FORK,
        on_cut=OnCut.CONTINUE,
        owner="me",
        **options,
    )


async def triggered(d: Deployment, *tasks: SerializedTask) -> None:
    dag = SerializedDag(dag_id="etl", display_name="The ETL", tags=[], max_active_runs=1, tasks=list(tasks))
    await d.parsed("etl.py", [dag])
    await d.call("POST", RUNS, {"dag_run_id": "one"})
    await d.schedule()


def test_names_pool_and_priority_are_those_that_the_dag_declares(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await triggered(d, task("a", display_name="First", pool="p", pool_slots=3), task("b", "a", priority_weight=5))
        path = f"{RUNS}/one/taskInstances"
        first, second = (await d.get(path))["task_instances"]
        assert (first["task_display_name"], first["dag_display_name"]) == ("First", "The ETL")
        assert (first["pool"], first["pool_slots"], first["priority_weight"]) == ("p", 3, 6)
        assert (second["task_display_name"], second["pool"], second["pool_slots"]) == ("b", "default_pool", 1)
        assert (first["reason"], first["reason_text"]) == (
            {"reason": "unknown_pool", "pool": "p"},
            "There is no pool p; create it, or name another one in the task.",
        )
        await d.call("POST", "/api/v2/pools", {"name": "p", "slots": 3})
        await d.claim()
        (task_try,) = (await d.get(f"{path}/a/tries"))["task_instances"]
        assert (task_try["task_display_name"], task_try["pool"], task_try["pool_slots"]) == ("First", "p", 3)
        assert (await d.get("/api/v2/pools/p"))["open_slots"] == 0

    play(scenario)


def test_a_run_that_is_not_due_says_so_itself_and_by_its_task_instances(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await triggered(d, task("a"))
        until = datetime(2126, 1, 1, tzinfo=UTC)
        made = await d.call("POST", RUNS, {"dag_run_id": "two", "run_after": until.isoformat()})
        assert made.json["reason"]["reason"] == "waiting_for_run_after"
        (instance,) = (await d.get(f"{RUNS}/two/taskInstances"))["task_instances"]
        assert instance["reason"] == made.json["reason"]
        assert instance["reason_text"] == "The run is due at 2126-01-01 00:00:00+00:00."

    play(scenario)


def test_an_operator_has_the_name_that_people_know_beside_its_class(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await triggered(d, task("a", operator_name="@task.bash"), task("b", "a"))
        path = f"{RUNS}/one/taskInstances"
        await d.claim()
        names = [("EmptyOperator", "@task.bash"), ("EmptyOperator", "EmptyOperator")]
        instances = (await d.get(path))["task_instances"]
        assert [(one["operator"], one["operator_name"]) for one in instances] == names
        (task_try,) = (await d.get(f"{path}/a/tries"))["task_instances"]
        assert (task_try["operator"], task_try["operator_name"]) == names[0]
        tasks = (await d.get("/api/v2/dags/etl/tasks"))["tasks"]
        assert [(one["class_ref"]["class_name"], one["operator_name"]) for one in tasks] == names

    play(scenario)

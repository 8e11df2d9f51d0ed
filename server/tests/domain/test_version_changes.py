"""What differs between two versions."""

from typing import Any

from tradewind.server.contract import (
    Grants,
    Isolation,
    OnCut,
    SerializedDag,
    SerializedParam,
    SerializedTask,
    TriggerRule,
)
from tradewind.server.domain.version_changes import FieldChange, TaskChange, VersionChanges, changes


def task(task_id: str, *upstream: str, **options: Any) -> SerializedTask:
    values: dict[str, Any] = {"retries": 0, "operator": "EmptyOperator", **options}
    return SerializedTask(
        task_id=task_id,
        operator_module="tradewind.sdk.standard.operators.empty",
        upstream=list(upstream),
        trigger_rule=TriggerRule.ALL_SUCCESS,
        retry_delay_seconds=0,
        queue="default",
        isolation=Isolation.FORK,
        on_cut=OnCut.CONTINUE,
        owner="somebody",
        **values,
    )


def dag(*tasks: SerializedTask, **options: Any) -> SerializedDag:
    return SerializedDag(dag_id="d", tasks=list(tasks), **{"tags": [], "max_active_runs": 16, **options})


def test_equal_structures_have_no_changes() -> None:
    assert changes(dag(task("a"), line=1), dag(task("a"), line=2)) == VersionChanges()


def test_tasks_are_added_removed_and_changed() -> None:
    before = dag(task("a"), task("b", "a"), task("z"), task("y"))
    after = dag(task("a", retries=2), task("c", "a"), task("b", "a", "c"))
    assert changes(before, after) == VersionChanges(
        added_tasks=["c"],
        removed_tasks=["y", "z"],
        changed_tasks=[
            TaskChange("a", [FieldChange("retries", 0, 2)]),
            TaskChange("b", [FieldChange("upstream", ["a"], ["a", "c"])]),
        ],
    )


def test_fields_of_the_dag_are_named_by_their_place() -> None:
    before = dag(max_active_runs=1, grants=Grants(connections=[], variables=["a"]), description="words")
    after = dag(
        max_active_runs=2,
        grants=Grants(connections=[], variables=["b"]),
        params={"x": SerializedParam(value=None, json_schema={})},
    )
    assert changes(before, after).fields == [
        FieldChange("description", "words", None),
        FieldChange("grants.variables", ["a"], ["b"]),
        FieldChange("max_active_runs", 1, 2),
        FieldChange("params", None, {"x": {"value": None, "json_schema": {}}}),
    ]


def test_null_is_not_the_same_as_nothing() -> None:
    without, with_null = SerializedParam(json_schema={}), SerializedParam(value=None, json_schema={})
    found = changes(dag(params={"x": without}), dag(params={"x": with_null})).fields
    assert found == [FieldChange("params.x.value", None, None)]

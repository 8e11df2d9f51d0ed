"""The test runner of the SDK does what `schemas/cases` says, as the server's core does."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.properties.test_cases import CASES
from tradewind.sdk.contract import (
    Isolation,
    OnCut,
    SerializedDag,
    SerializedTask,
    TaskInstanceEvent,
    TaskInstanceState,
    TriggerRule,
)
from tradewind.sdk.local.model import RunModel

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ONLY_SERVER = {"interrupted", "lost"}

Step = Mapping[str, Any]
EVENTS: dict[str, Callable[[RunModel, Step], None]] = {
    "start_run": lambda model, _: setattr(model, "may_start", True),
    "stop_runs": lambda model, _: setattr(model, "may_start", False),
    "claim": lambda model, step: model.claim(step["task"]),
    "started": lambda model, step: model.start(step["task"]),
    "succeeded": lambda model, step: model.succeed(step["task"], frozenset(step.get("skips", ()))),
    "skipped": lambda model, step: model.skip(step["task"]),
    "failed": lambda model, step: model.fail(
        step["task"], retryable=step.get("retryable", True), delay_seconds=step.get("retry_delay_seconds")
    ),
    "advance": lambda model, step: model.advance(step["seconds"]),
    "cancel": lambda model, _: model.cancel(),
    "clear": lambda model, step: model.clear(*step["tasks"]),
    "mark": lambda model, step: model.mark(step["task"], TaskInstanceEvent(f"mark_{step['state']}")),
    "past": lambda model, step: setattr(model, "past", {**(model.past or {}), **states(step["states"])}),
}


def states(plain: Mapping[str, str]) -> dict[str, TaskInstanceState]:
    return {task_id: TaskInstanceState(state) for task_id, state in plain.items()}


def moment(plain: str | None) -> datetime | None:
    return None if plain is None else datetime.fromisoformat(plain)


def task_of(plain: Mapping[str, Any]) -> SerializedTask:
    given = {"retries": 0, "retry_delay_seconds": 300.0, **plain}
    given |= {key: moment(given[key]) for key in ("start_date", "end_date") if key in given}
    given["trigger_rule"] = TriggerRule(given.get("trigger_rule", "all_success"))
    given["upstream"] = list(plain.get("upstream", ()))
    return SerializedTask(
        operator="EmptyOperator",
        operator_module="m",
        queue="default",
        isolation=Isolation.FORK,
        on_cut=OnCut.CONTINUE,
        owner="o",
        **given,
    )


def model_of(case: Mapping[str, Any]) -> RunModel:
    dag = SerializedDag(
        dag_id="d",
        tags=[],
        max_active_runs=16,
        tasks=[task_of(task) for task in case["tasks"]],
        fail_fast=case.get("fail_fast", False),
        dagrun_timeout_seconds=case.get("dagrun_timeout_seconds"),
    )
    model = RunModel(
        dag,
        now=NOW,
        logical_date=moment(case.get("logical_date")),
        past=states(case["past"]) if "past" in case else None,
        past_logical_date=moment(case.get("past_logical_date")),
    )
    model.may_start = False
    return model


def runs_here(case: Mapping[str, Any]) -> bool:
    return case.get("only") != "server" and not any(step["event"] in ONLY_SERVER for step in case["steps"])


LOCAL = [param for param in CASES if runs_here(param.values[0])]  # type: ignore[arg-type]


@pytest.mark.parametrize("case", LOCAL)
def test_the_test_runner_does_what_the_case_says(case: Mapping[str, Any]) -> None:
    model = model_of(case)
    for number, step in enumerate(case["steps"]):
        EVENTS[step["event"]](model, step)
        model.settle()
        then = step.get("then", {})
        seen = {
            "run": str(model.state),
            "tasks": {task_id: str(model.instances[task_id].state) for task_id in then.get("tasks", {})},
        }
        assert {**seen, **then} == seen, f"step {number}: {step}"


def test_most_cases_are_held_by_both() -> None:
    assert len(LOCAL) >= 0.8 * len(CASES)

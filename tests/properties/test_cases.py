"""The server's core does what `schemas/cases` says."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.properties.run_model import DagModel, RunModel, TaskModel
from tradewind.server.contract import InterruptCause, TaskInstanceEvent, TaskInstanceState, TriggerRule
from tradewind.server.domain.task_traits import TaskTraits

FILES = sorted((Path(__file__).parents[2] / "schemas" / "cases").glob("*.json"))
CASES = [
    pytest.param(case, id=f"{path.stem}-{case['name']}")
    for path in FILES
    for case in json.loads(path.read_text())["cases"]
]

Step = Mapping[str, Any]
EVENTS: dict[str, Callable[[RunModel, Step], None]] = {
    "start_run": lambda model, _: setattr(model, "may_start", True),
    "stop_runs": lambda model, _: setattr(model, "may_start", False),
    "claim": lambda model, step: model.happen(step["task"], TaskInstanceEvent.CLAIM),
    "started": lambda model, step: model.happen(step["task"], TaskInstanceEvent.START),
    "succeeded": lambda model, step: model.happen(step["task"], TaskInstanceEvent.SUCCEED, skips=step.get("skips", ())),
    "skipped": lambda model, step: model.happen(step["task"], TaskInstanceEvent.SKIP),
    "failed": lambda model, step: model.fail(
        step["task"],
        retryable=step.get("retryable", True),
        retry_delay_seconds=step.get("retry_delay_seconds"),
    ),
    "interrupted": lambda model, step: model.interrupt(step["task"], InterruptCause(step["cause"])),
    "lost": lambda model, step: model.lose(step["task"]),
    "advance": lambda model, step: model.advance(step["seconds"]),
    "cancel": lambda model, _: model.cancel(),
    "clear": lambda model, step: model.clear(step["tasks"]),
    "mark": lambda model, step: model.happen(step["task"], TaskInstanceEvent(f"mark_{step['state']}")),
    "past": lambda model, step: model.change_past(states(step["states"])),
}
TRAITS = {field.name for field in fields(TaskTraits)}
TASK_KEYS = {field.name for field in fields(TaskModel)} - {"traits"} | TRAITS
CASE_KEYS = {"name", "rule", "max_lost_tries", "only", "unfinished", "tasks", "steps"}
CASE_KEYS |= {"fail_fast", "dagrun_timeout_seconds", "logical_date", "past", "past_logical_date"}
STEP_KEYS = {"event", "task", "then", "retryable", "cause", "seconds"}
STEP_KEYS |= {"skips", "retry_delay_seconds", "tasks", "state", "states"}


def states(plain: Mapping[str, str]) -> dict[str, TaskInstanceState]:
    return {task_id: TaskInstanceState(state) for task_id, state in plain.items()}


def moment(plain: str | None) -> datetime | None:
    return None if plain is None else datetime.fromisoformat(plain)


def task_of(plain: Mapping[str, Any]) -> TaskModel:
    traits: dict[str, Any] = {key: value for key, value in plain.items() if key in TRAITS}
    traits |= {key: moment(traits[key]) for key in ("start_date", "end_date") if key in traits}
    if "trigger_rule" in traits:
        traits["trigger_rule"] = TriggerRule(traits["trigger_rule"])
    others: dict[str, Any] = {key: value for key, value in plain.items() if key not in TRAITS}
    others["upstream"] = tuple(plain.get("upstream", ()))
    return TaskModel(**others, traits=TaskTraits(**traits))


def model_of(case: Mapping[str, Any]) -> RunModel:
    dag = DagModel(
        fail_fast=case.get("fail_fast", False),
        timeout_seconds=case.get("dagrun_timeout_seconds"),
        logical_date=moment(case.get("logical_date")),
        past=states(case["past"]) if "past" in case else None,
        past_logical_date=moment(case.get("past_logical_date")),
    )
    return RunModel([task_of(task) for task in case["tasks"]], dag, max_lost_tries=case.get("max_lost_tries", 3))


@pytest.mark.parametrize("case", CASES)
def test_the_core_does_what_the_case_says(case: Mapping[str, Any]) -> None:
    model = model_of(case)
    for number, step in enumerate(case["steps"]):
        EVENTS[step["event"]](model, step)
        model.settle()
        then = step.get("then", {})
        seen = {
            "run": model.run.value,
            "tasks": {task_id: model.state(task_id).value for task_id in then.get("tasks", {})},
        }
        assert {**seen, **then} == seen, f"step {number}: {step}"
    assert model.ended is not case.get("unfinished", False)


@pytest.mark.parametrize("case", CASES)
def test_a_case_has_no_keys_that_the_format_lacks(case: Mapping[str, Any]) -> None:
    assert set(case) <= CASE_KEYS
    assert all(set(step) <= STEP_KEYS for step in case["steps"])
    assert all(set(task) <= TASK_KEYS for task in case["tasks"])
    assert case["rule"].endswith(".")


def test_names_are_unique() -> None:
    names = [param.id for param in CASES]
    assert len(names) == len(set(names))
    assert len(names) >= 100


def test_every_trigger_rule_has_cases() -> None:
    rules = [task.get("trigger_rule") for param in CASES for task in param.values[0]["tasks"]]  # type: ignore[index]
    assert all(rules.count(rule.value) >= 2 for rule in TriggerRule if rule is not TriggerRule.ALL_SUCCESS)

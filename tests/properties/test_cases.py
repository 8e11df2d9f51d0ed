"""The server's core does what `schemas/cases` says."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.properties.run_model import RunModel, TaskModel
from tradewind.server.contract import InterruptCause, TaskInstanceEvent

FILES = sorted((Path(__file__).parents[2] / "schemas" / "cases").glob("*.json"))
CASES = [
    pytest.param(case, id=f"{path.stem}-{case['name']}")
    for path in FILES
    for case in json.loads(path.read_text())["cases"]
]

Step = Mapping[str, Any]
EVENTS: dict[str, Callable[[RunModel, Step], None]] = {
    "start_run": lambda model, _: setattr(model, "may_start", True),
    "claim": lambda model, step: model.happen(step["task"], TaskInstanceEvent.CLAIM),
    "started": lambda model, step: model.happen(step["task"], TaskInstanceEvent.START),
    "succeeded": lambda model, step: model.happen(step["task"], TaskInstanceEvent.SUCCEED),
    "skipped": lambda model, step: model.happen(step["task"], TaskInstanceEvent.SKIP),
    "failed": lambda model, step: model.fail(step["task"], retryable=step.get("retryable", True)),
    "interrupted": lambda model, step: model.interrupt(step["task"], InterruptCause(step["cause"])),
    "lost": lambda model, step: model.lose(step["task"]),
    "advance": lambda model, step: model.advance(step["seconds"]),
}
CASE_KEYS = {"name", "rule", "max_lost_tries", "only", "unfinished", "tasks", "steps"}
STEP_KEYS = {"event", "task", "then", "retryable", "cause", "seconds"}


def model_of(case: Mapping[str, Any]) -> RunModel:
    tasks = [TaskModel(**{**task, "upstream": tuple(task.get("upstream", ()))}) for task in case["tasks"]]
    return RunModel(tasks, max_lost_tries=case.get("max_lost_tries", 3))


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
    assert case["rule"].endswith(".")


def test_names_are_unique() -> None:
    names = [param.id for param in CASES]
    assert len(names) == len(set(names))
    assert len(names) >= 10

"""Runs that are watched by the marks of their tasks, which costs what is measured nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tests.benchmarks.deployment import Deployment
from tests.benchmarks.measuring import Disturbed, Mark
from tests.e2e.processes import TooLateError, eventually

_LOOK_SECONDS = 0.01
_ASK_SECONDS = 10.0
FINAL = ("success", "failed")


@dataclass(frozen=True)
class MeasuredRun:
    """What one run was seen to do; moments in seconds since 1970.

    Attributes:
        asked: when the request that creates the run was sent.
        marks: executions of user code in the order in which they began.
        ended: when the run ended by the system's own record.
    """

    asked: float
    marks: list[Mark]
    ended: float


def measured_run(deployment: Deployment, dag_id: str, tasks: int) -> MeasuredRun:
    """Run a DAG once.

    Args:
        deployment: in which nothing else runs.
        dag_id: of a DAG that is there.
        tasks: how many tasks it has.

    Raises:
        Disturbed: the run failed, or a task ran twice or not at all.
    """
    deployment.marks.clear()
    asked = time.time()
    run_id = deployment.trigger(dag_id)
    wait_for_marks(deployment, tasks, lambda: deployment.run(dag_id, run_id)["state"] != "failed")
    ended = end_of_run(deployment, dag_id, run_id)
    marks = deployment.marks.read()
    counted = deployment.task_count(dag_id, run_id)
    if {len(marks), len({mark.name for mark in marks}), counted} != {tasks}:
        raise Disturbed(f"{dag_id}: {len(marks)} marks of {counted} task instances of {tasks} tasks")
    return MeasuredRun(asked, marks, ended)


def wait_for_marks(deployment: Deployment, count: int, goes_on: Callable[[], bool]) -> None:
    """Wait until so many tasks have run.

    Args:
        deployment: whose tasks they are.
        count: marks to wait for.
        goes_on: asked now and then whether they can still be expected.

    Raises:
        Disturbed: they cannot.
        TooLateError: they have not come in time.
    """
    until, ask_at = time.monotonic() + deployment.patience, time.monotonic() + _ASK_SECONDS
    while (found := deployment.marks.count()) < count:
        if time.monotonic() > ask_at:
            ask_at += _ASK_SECONDS
            if not goes_on():
                raise Disturbed(f"a run failed after {found} marks of {count}")
        if time.monotonic() > until:
            raise TooLateError(f"{found} marks of {count} within {deployment.patience:.0f} s")
        # A long run is looked at less often, for the marks are read by the same processors.
        time.sleep(max(_LOOK_SECONDS, found / 20_000))


def end_of_run(deployment: Deployment, dag_id: str, run_id: str) -> float:
    """Wait for the end of a run whose tasks have run, and return when that was.

    Raises:
        Disturbed: it failed.
    """

    def ended() -> str | None:
        run = deployment.run(dag_id, run_id)
        if run["state"] == "failed":
            raise Disturbed(f"{dag_id} {run_id} failed")
        return str(run["end_date"]) if run["state"] == "success" else None

    return datetime.fromisoformat(eventually(f"the end of {dag_id} {run_id}", ended, deployment.patience)).timestamp()

"""Figures of many tasks: how many a second, and what each costs, however many there are."""

import time
from collections.abc import Sequence
from datetime import datetime
from itertools import combinations
from typing import Any

from tests.benchmarks.accounting import CpuTime
from tests.benchmarks.dag_files import DagFile
from tests.benchmarks.deployment import Deployment
from tests.benchmarks.history import keep_copies
from tests.benchmarks.measured_runs import MeasuredRun, measured_run, wait_for_marks
from tests.benchmarks.measuring import Disturbed, Numbers
from tests.benchmarks.sizes import Sizes
from tests.e2e.processes import eventually

PAGE = 100


def fan_out(deployment: Deployment, sizes: Sizes) -> Numbers:
    """Tasks that are independent of each other, each in a process of its own."""
    return _many(deployment, sizes, "wide", alone=True)


def fan_out_reuse(deployment: Deployment, sizes: Sizes) -> Numbers:
    """The same tasks, in processes that run one after another."""
    return _many(deployment, sizes, "reuse", alone=False)


def _many(deployment: Deployment, sizes: Sizes, template: str, *, alone: bool) -> Numbers:
    product, database = deployment.product_cpu(), deployment.database_cpu()
    before = deployment.cpu_by_part()
    run = measured_run(deployment, f"{template}_{sizes.wide}", sizes.wide)
    time.sleep(sizes.settle)
    if alone and len({mark.pid for mark in run.marks}) != len(run.marks):
        raise Disturbed("two tasks ran in one process")
    return {
        "tasks_per_second": len(run.marks) / (run.ended - run.asked),
        "run_seconds": run.ended - run.asked,
        "user_code_seconds": run.marks[-1].ended - run.marks[0].began,
        **_costs(product, database, len(run.marks)),
        **{
            f"{part}_cpu_per_task_ms": 1000 * (seconds - before[part]) / len(run.marks)
            for part, seconds in deployment.cpu_by_part().items()
        },
    }


def _costs(product: CpuTime, database: CpuTime, tasks: int) -> Numbers:
    return {
        "cpu_per_task_ms": 1000 * product.used() / tasks,
        "database_cpu_per_task_ms": 1000 * database.used() / tasks,
    }


def cost_files(sizes: Sizes) -> list[DagFile]:
    """DAG files of `cost`."""
    return [("wide", width) for width in sizes.widths]


def cost(deployment: Deployment, sizes: Sizes) -> Numbers:
    """What a task costs in runs of different sizes, and with many finished tasks kept.

    The history is copied row by row from a run that has really been, which leaves the same tables as so many runs.
    """
    deployment.start()
    numbers: Numbers = {}
    for width in sizes.widths:
        numbers |= _named(_cost_of(deployment, sizes, width), str(width))
    dag_id = f"wide_{sizes.kept_width}"
    source = next(run for run in deployment.runs if run[0] == dag_id)
    deployment.stop()
    keep_copies(deployment.database_url, *source, -(-sizes.kept // sizes.kept_width))
    deployment.start()
    numbers |= _named(_cost_of(deployment, sizes, sizes.kept_width), "kept")
    for name in ("cpu_per_task", "wall_per_task"):
        numbers[f"{name}_growth_ratio"] = _growth([numbers[f"{width}_{name}_ms"] for width in sizes.widths])
        numbers[f"{name}_kept_ratio"] = numbers[f"kept_{name}_ms"] / numbers[f"{sizes.kept_width}_{name}_ms"]
    return numbers


def _growth(costs: Sequence[float]) -> float:
    """Return the most by which a cost exceeds one that comes before it; less than 1 where it only falls."""
    return max(later / earlier for earlier, later in combinations(costs, 2))


def _named(numbers: Numbers, prefix: str) -> Numbers:
    return {f"{prefix}_{name}": value for name, value in numbers.items()}


def _cost_of(deployment: Deployment, sizes: Sizes, width: int) -> Numbers:
    """Measure runs of one size, as many as make a thousand tasks; the first, which imports the file, is left out."""
    dag_id = f"wide_{width}"
    deployment.wait_for_dag(dag_id)
    measured_run(deployment, dag_id, width)
    time.sleep(sizes.settle)
    times = max(1, sizes.kept_width // width)
    product, database = deployment.product_cpu(), deployment.database_cpu()
    runs: Sequence[MeasuredRun] = [measured_run(deployment, dag_id, width) for _ in range(times)]
    time.sleep(sizes.settle)
    return {
        **_costs(product, database, times * width),
        "wall_per_task_ms": 1000 * sum(run.ended - run.asked for run in runs) / (times * width),
    }


def runs_at_once(deployment: Deployment, sizes: Sizes) -> Numbers:
    """Many runs that begin together: created while their DAG is paused, and let go at one moment."""
    dag_id, tasks = f"diamond_{sizes.run_tasks}", sizes.runs_at_once * sizes.run_tasks
    deployment.marks.clear()
    first = len(deployment.runs)
    deployment.api.patch("dags", dag_id, body={"is_paused": True})
    creating, begun = deployment.product_cpu(), time.time()
    for _ in range(sizes.runs_at_once):
        deployment.trigger(dag_id)
    created, creation_cpu = time.time() - begun, creating.used()
    product, database, asked = deployment.product_cpu(), deployment.database_cpu(), time.time()
    deployment.api.patch("dags", dag_id, body={"is_paused": False})
    wait_for_marks(deployment, tasks, lambda: count_runs(deployment, dag_id, state="failed") == 0)
    ended = last_end(deployment, dag_id, sizes.runs_at_once)
    if len(marks := deployment.marks.read()) != tasks:
        raise Disturbed(f"{len(marks)} marks of {tasks} tasks of {deployment.runs[first:][:3]} and so on")
    time.sleep(sizes.settle)
    return {
        "tasks_per_second": tasks / (ended - asked),
        "run_seconds": ended - asked,
        **_costs(product, database, tasks),
        "create_per_run_ms": 1000 * created / sizes.runs_at_once,
        "create_cpu_per_run_ms": 1000 * creation_cpu / sizes.runs_at_once,
    }


def last_end(deployment: Deployment, dag_id: str, runs: int) -> float:
    """Wait until no run of a DAG is live, and return when the last of its newest runs ended."""
    eventually("the end of all runs", lambda: not _live(deployment, dag_id), deployment.patience)
    if failed := count_runs(deployment, dag_id, state="failed"):
        raise Disturbed(f"{failed} runs of {dag_id} failed")
    ends: list[str] = []
    for offset in range(0, runs, PAGE):
        page: dict[str, Any] = deployment.api.get("dags", dag_id, "dagRuns", limit=PAGE, offset=offset)
        ends += [run["end_date"] for run in page["dag_runs"]]
    return max(datetime.fromisoformat(end).timestamp() for end in ends)


def _live(deployment: Deployment, dag_id: str) -> int:
    return count_runs(deployment, dag_id, state="running") + count_runs(deployment, dag_id, state="queued")


def count_runs(deployment: Deployment, dag_id: str, **query: object) -> int:
    """Return how many runs of a DAG answer the query."""
    return int(deployment.api.get("dags", dag_id, "dagRuns", limit=1, **query)["total_entries"])

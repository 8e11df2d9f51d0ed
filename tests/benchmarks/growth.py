"""The figure of a system that works for long: what a task costs, takes and leaves, at the beginning and at the end."""

import time
from dataclasses import dataclass

from tests.benchmarks.accounting import CpuTime
from tests.benchmarks.deployment import Deployment
from tests.benchmarks.history import database_bytes, table_rows
from tests.benchmarks.measured_runs import wait_for_marks
from tests.benchmarks.measuring import Disturbed, Numbers
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.throughput import count_runs, last_end


@dataclass(frozen=True)
class Standing:
    """Where everything stands at the end of a minute, counted from the beginning."""

    tasks: int
    product_seconds: float
    database_seconds: float
    pss_mb: float
    rows: int
    database_bytes: int


def short_runs(deployment: Deployment, sizes: Sizes) -> Numbers:
    """Short runs are triggered evenly for some minutes; the first minute is compared with the last.

    The first trigger of all is left out of it, for it imports the DAG file.
    """
    dag_id = f"chain_{sizes.short_links}"

    def goes_on() -> bool:
        return count_runs(deployment, dag_id, state="failed") == 0

    deployment.trigger(dag_id)
    wait_for_marks(deployment, sizes.short_links, goes_on)
    last_end(deployment, dag_id, 1)
    deployment.marks.clear()
    product, database = deployment.product_cpu(), deployment.database_cpu()
    standings = [_standing(deployment, product, database)]
    late = 0.0
    for _ in range(sizes.minutes):
        late = max(late, _minute(deployment, dag_id, sizes))
        standings.append(_standing(deployment, product, database))
    asked_for = sizes.minutes * sizes.short_runs_per_minute
    done = standings[-1].tasks / sizes.short_links
    wait_for_marks(deployment, asked_for * sizes.short_links, goes_on)
    last_end(deployment, dag_id, asked_for)
    return {
        "runs_per_minute": done / sizes.minutes * (60.0 / sizes.minute),
        "waiting_at_end_runs": asked_for - done,
        "trigger_late_max_seconds": late,
        **_compared(standings),
    }


def _minute(deployment: Deployment, dag_id: str, sizes: Sizes) -> float:
    """Trigger the runs of one minute, each at its time, and return by how many seconds the latest was late."""
    begun, late = time.monotonic(), 0.0
    for number in range(sizes.short_runs_per_minute):
        due = begun + number * sizes.minute / sizes.short_runs_per_minute
        late = max(late, time.monotonic() - due)
        time.sleep(max(0.0, due - time.monotonic()))
        deployment.trigger(dag_id)
    time.sleep(max(0.0, begun + sizes.minute - time.monotonic()))
    return late


def _standing(deployment: Deployment, product: CpuTime, database: CpuTime) -> Standing:
    url = deployment.database_url
    return Standing(
        tasks=deployment.marks.count(),
        product_seconds=product.used(),
        database_seconds=database.used(),
        pss_mb=deployment.memory().pss_mb,
        rows=table_rows(url),
        database_bytes=database_bytes(url),
    )


def _compared(standings: list[Standing]) -> Numbers:
    """Compare the first minute with the last."""
    numbers: Numbers = {}
    minutes = {"first": (standings[0], standings[1]), "last": (standings[-2], standings[-1])}
    for name, (before, after) in minutes.items():
        if (tasks := after.tasks - before.tasks) <= 0:
            raise Disturbed(f"no task ran in the {name} minute")
        numbers |= {
            f"{name}_cpu_per_task_ms": 1000 * (after.product_seconds - before.product_seconds) / tasks,
            f"{name}_database_cpu_per_task_ms": 1000 * (after.database_seconds - before.database_seconds) / tasks,
            f"{name}_rows_per_task": (after.rows - before.rows) / tasks,
            f"{name}_pss_mb": after.pss_mb,
        }
    first, end = standings[1], standings[-1]
    tasks = end.tasks - first.tasks
    return {
        **numbers,
        "database_per_task_bytes": (end.database_bytes - first.database_bytes) / tasks,
        "pss_per_task_bytes": (end.pss_mb - first.pss_mb) * (1 << 20) / tasks,
        "cpu_growth_ratio": numbers["last_cpu_per_task_ms"] / numbers["first_cpu_per_task_ms"],
    }

"""Figures of waiting: what a person or a next task waits for."""

import time
from datetime import datetime
from itertools import pairwise

from tests.benchmarks.deployment import Deployment
from tests.benchmarks.measured_runs import measured_run
from tests.benchmarks.measuring import Disturbed, Numbers, gaps, percentile
from tests.benchmarks.moments import recorded
from tests.benchmarks.sizes import Sizes
from tests.e2e.processes import eventually


def chain(deployment: Deployment, sizes: Sizes) -> Numbers:
    """Tasks one after the other: from the end of user code to the first line of the next."""
    between = gaps(measured_run(deployment, f"chain_{sizes.links}", sizes.links).marks)
    return {
        "gap_p50_ms": 1000 * percentile(between, 0.5),
        "gap_p95_ms": 1000 * percentile(between, 0.95),
        "gap_max_ms": 1000 * max(between),
    }


def one_try(deployment: Deployment, sizes: Sizes) -> Numbers:
    """Where the gap between two tasks of a chain goes, by user code's clock and the server's records."""
    run = measured_run(deployment, f"chain_{sizes.links}", sizes.links)
    found = recorded(deployment.database_url, *deployment.runs[-1])
    pairs = [
        (earlier, found[f"link_{earlier.name}"], found[f"link_{later.name}"], later)
        for earlier, later in pairwise(run.marks)
    ]
    return {
        "report_p50_ms": 1000 * percentile([before.ended - mark.ended for mark, before, _, _ in pairs], 0.5),
        "decide_p50_ms": 1000 * percentile([after.claimed - before.ended for _, before, after, _ in pairs], 0.5),
        "start_p50_ms": 1000 * percentile([mark.began - after.claimed for _, _, after, mark in pairs], 0.5),
    }


def trigger(deployment: Deployment, sizes: Sizes) -> Numbers:
    """From the request that creates a run to the first line of its user code, one run after the other."""
    latencies = []
    for _ in range(sizes.triggers):
        run = measured_run(deployment, "single_1", 1)
        latencies.append(run.marks[0].began - run.asked)
    return {
        "latency_p50_ms": 1000 * percentile(latencies, 0.5),
        "latency_p95_ms": 1000 * percentile(latencies, 0.95),
    }


def cold_start(deployment: Deployment, sizes: Sizes) -> Numbers:
    """From the command in an empty home to the end of the first task, by user code's clock and by the record."""
    product, begun = deployment.product_cpu(), time.time()
    deployment.start_once("single_1")
    answered = time.time()
    (mark,) = eventually("the first task", deployment.marks.read, deployment.patience)

    def ended() -> str | None:
        (run,) = deployment.api.get("dags", "single_1", "dagRuns")["dag_runs"]
        page = deployment.api.get("dags", "single_1", "dagRuns", run["dag_run_id"], "taskInstances")
        (instance,) = page["task_instances"]
        return str(instance["end_date"]) if instance["state"] == "success" else None

    finished = datetime.fromisoformat(
        eventually("the record of the first task", ended, deployment.patience)
    ).timestamp()
    return {
        "first_answer_seconds": answered - begun,
        "user_code_seconds": mark.began - begun,
        "finished_seconds": finished - begun,
        "cpu_seconds": product.used(),
    }


def command_line(deployment: Deployment, sizes: Sizes) -> Numbers:
    """One call of the command line that asks for the DAGs."""
    seconds = []
    for _ in range(sizes.calls):
        begun = time.monotonic()
        code = deployment.list_dags()
        seconds.append(time.monotonic() - begun)
        if code:
            raise Disturbed(f"the command that lists the DAGs ended with {code}")
    return {"call_p50_seconds": percentile(seconds, 0.5), "call_max_seconds": max(seconds)}

"""The figures: each function measures one run of one of them and returns named numbers, in seconds unless named."""

import time
from collections.abc import Callable
from datetime import datetime

from tests.benchmarks.deployment import Deployment
from tests.benchmarks.measuring import Mark, gaps, percentile
from tests.e2e.processes import eventually, program

Numbers = dict[str, float]
TRIGGERS = 20
CLI_CALLS = 10
RUN_DEADLINE = 600.0


class Disturbed(RuntimeError):
    """A measured run did not do what is measured, so that its numbers mean nothing."""


def chain(deployment: Deployment) -> Numbers:
    """Tasks one after the other: from the end of user code to the first line of the next."""
    _, marks, _ = measured_run(deployment, "chain")
    between = gaps(marks)
    return {"gap_p50": percentile(between, 0.5), "gap_p95": percentile(between, 0.95), "gap_max": max(between)}


def fan_out(deployment: Deployment) -> Numbers:
    """Tasks that are independent of each other, each in a process of its own."""
    return _many(deployment, "wide", alone=True)


def fan_out_reuse(deployment: Deployment) -> Numbers:
    """The same tasks, in processes that run one after another."""
    return _many(deployment, "wide_reuse", alone=False)


def _many(deployment: Deployment, dag_id: str, *, alone: bool) -> Numbers:
    product, database = deployment.product_cpu(), deployment.database_cpu()
    asked, marks, ended = measured_run(deployment, dag_id)
    if alone and len({mark.pid for mark in marks}) != len(marks):
        raise Disturbed("two tasks ran in one process")
    product_seconds, database_seconds = product.used(), database.used()
    return {
        "tasks_per_second": len(marks) / (ended - asked),
        "seconds_trigger_to_run_end": ended - asked,
        "seconds_first_to_last_user_code": marks[-1].ended - marks[0].began,
        "cpu_ms_per_task": 1000 * product_seconds / len(marks),
        "database_cpu_ms_per_task": 1000 * database_seconds / len(marks),
    }


def trigger(deployment: Deployment) -> Numbers:
    """From the request that creates a run to the first line of its user code, one run after the other."""
    latencies = []
    for _ in range(TRIGGERS):
        asked, marks, _ = measured_run(deployment, "single")
        latencies.append(marks[0].began - asked)
    return {"latency_p50": percentile(latencies, 0.5), "latency_p95": percentile(latencies, 0.95)}


def cold_start(deployment: Deployment) -> Numbers:
    """From the command in an empty home directory to the end of the first task."""
    asked = time.time()
    deployment.start("--once", "single")
    (mark,) = eventually("the first task", deployment.marks.read)
    return {"seconds": mark.ended - asked}


def command_line(deployment: Deployment) -> Numbers:
    """One call of the command line that asks the server."""
    seconds = []
    for _ in range(CLI_CALLS):
        begun = time.monotonic()
        answer = deployment.system.tradewind("dags", "list", "-o", "json")
        seconds.append(time.monotonic() - begun)
        if answer.code:
            raise Disturbed(f"{program('tradewind')} dags list: {answer.output}")
    return {"seconds_p50": percentile(seconds, 0.5), "seconds_max": max(seconds)}


STEADY: dict[str, Callable[[Deployment], Numbers]] = {
    "chain": chain,
    "fan_out": fan_out,
    "fan_out_reuse": fan_out_reuse,
    "trigger": trigger,
    "command_line": command_line,
}


def measured_run(deployment: Deployment, dag_id: str) -> tuple[float, list[Mark], float]:
    """Run a DAG once: when it was asked for, what user code marked, and when the run ended by the server's record.

    Raises:
        Disturbed: the run failed, or a task ran twice or not at all.
    """
    system, marks = deployment.system, deployment.marks
    system.wait_for_dag(dag_id)
    marks.clear()
    asked = time.time()
    run_id = system.api.post("dags", dag_id, "dagRuns", body={"conf": {}, "logical_date": None})["dag_run_id"]
    for _ in system.api.stream("dags", dag_id, "dagRuns", run_id, "wait"):
        pass
    run = system.run(dag_id, run_id)
    found = marks.read()
    if run["state"] != "success" or len({mark.name for mark in found}) != len(found):
        raise Disturbed(f"{dag_id} is {run['state']} with {len(found)} marks")
    instances = system.instances(dag_id, run_id)
    if len(instances) != len(found):
        raise Disturbed(f"{len(instances)} tasks left {len(found)} marks")
    return asked, found, datetime.fromisoformat(run["end_date"]).timestamp()

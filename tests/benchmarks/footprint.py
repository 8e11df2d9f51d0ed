"""Figures of what a system takes that does nothing, and of what a task takes that does nothing."""

import time

from tests.benchmarks.accounting import Memory
from tests.benchmarks.dag_files import DagFile
from tests.benchmarks.deployment import Deployment
from tests.benchmarks.measured_runs import end_of_run, wait_for_marks
from tests.benchmarks.measuring import Disturbed, Numbers
from tests.benchmarks.sizes import Sizes


def idle(deployment: Deployment, sizes: Sizes) -> Numbers:
    """A system that knows a DAG and has nothing to do."""
    time.sleep(5 * sizes.settle)
    product, database, begun = deployment.product_cpu(), deployment.database_cpu(), time.monotonic()
    time.sleep(sizes.idle)
    seconds = time.monotonic() - begun
    found = deployment.memory()
    return {
        "cpu_percent": 100 * product.used() / seconds,
        "database_cpu_percent": 100 * database.used() / seconds,
        "pss_mb": found.pss_mb,
        "processes": found.processes,
        "database_pss_mb": deployment.database_memory().pss_mb,
    }


def sleeping_files(sizes: Sizes) -> list[DagFile]:
    """DAG files of `sleeping`."""
    return [("sleeping", count) for count in sizes.sleeping]


def sleeping(deployment: Deployment, sizes: Sizes) -> Numbers:
    """What the system grows by for each task that is running and does nothing.

    Whatever is there for their sake counts, what they share too: the file that is kept imported, a supervisor.
    """
    deployment.allow(max(sizes.sleeping))
    deployment.start()
    numbers: Numbers = {}
    for count in sizes.sleeping:
        deployment.wait_for_dag(f"sleeping_{count}")
    time.sleep(5 * sizes.settle)
    before = deployment.memory()
    for count in sizes.sleeping:
        during = _while_asleep(deployment, sizes, count)
        numbers[f"{count}_pss_per_task_mb"] = (during.pss_mb - before.pss_mb) / count
        numbers[f"{count}_further_processes"] = during.processes - before.processes
    return numbers


def _while_asleep(deployment: Deployment, sizes: Sizes, count: int) -> Memory:
    """Look at the memory while so many tasks sleep, and let them go."""
    dag_id = f"sleeping_{count}"
    deployment.marks.clear()
    run_id = deployment.trigger(dag_id)
    wait_for_marks(deployment, count, lambda: deployment.run(dag_id, run_id)["state"] != "failed")
    time.sleep(5 * sizes.settle)
    found = deployment.memory()
    if deployment.run(dag_id, run_id)["state"] != "running":
        raise Disturbed(f"the tasks of {dag_id} did not sleep")
    # Every reader sees the end of the pipe once its last writer has closed it.
    deployment.gate.open("wb").close()
    end_of_run(deployment, dag_id, run_id)
    return found

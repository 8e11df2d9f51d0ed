"""Figures of DAG files: until they are visible, what it costs to watch them, and until a change is visible."""

import time

from tests.benchmarks import dag_files
from tests.benchmarks.dag_files import DagFile
from tests.benchmarks.deployment import Deployment
from tests.benchmarks.measuring import Disturbed, Numbers
from tests.benchmarks.sizes import Sizes
from tests.e2e.processes import eventually

CHANGED = "TASKS = 6"


def many_files(sizes: Sizes) -> list[DagFile]:
    """All the files of five tasks."""
    return [("five", number) for number in range(sizes.dag_files)]


def many_dag_files(deployment: Deployment, sizes: Sizes) -> Numbers:
    """Many files appear at one moment in the folder of a running system; then one of them changes.

    Then the system is started with all of them in an empty home, from the command to the last file that is visible.
    """
    deployment.start()
    deployment.wait_for_dag("single_1")
    known = deployment.visible_dags()
    aside = deployment.directory / "aside"
    dag_files.write(aside, many_files(sizes), sdk=deployment.sdk)
    (aside / "marking.py").unlink()
    product, begun = deployment.product_cpu(), time.time()
    aside.rename(deployment.dags / "many")
    _wait_for_all(deployment, known + sizes.dag_files)
    visible, cpu = time.time() - begun, product.used()
    steady = _steady_percent(deployment, sizes)
    changed = _seconds_until_changed(deployment)
    return {
        "visible_seconds": visible,
        "cpu_per_file_ms": 1000 * cpu / sizes.dag_files,
        "steady_cpu_percent": steady,
        "change_visible_seconds": changed,
    }


def many_dag_files_at_start(deployment: Deployment, sizes: Sizes) -> Numbers:
    """A system is started in an empty home with many files in its folder."""
    dag_files.write(deployment.dags / "many", many_files(sizes), sdk=deployment.sdk)
    (deployment.dags / "many" / "marking.py").unlink()
    product, begun = deployment.product_cpu(), time.time()
    deployment.start()
    answered = time.time()
    _wait_for_all(deployment, 1 + sizes.dag_files)
    visible = time.time()
    return {
        "visible_from_start_seconds": visible - begun,
        "visible_from_answer_seconds": visible - answered,
        "cpu_per_file_ms": 1000 * product.used() / sizes.dag_files,
        "steady_cpu_percent": _steady_percent(deployment, sizes),
    }


def _wait_for_all(deployment: Deployment, count: int) -> None:
    eventually(f"{count} DAGs", lambda: deployment.visible_dags() >= count, deployment.patience)
    if deployment.visible_dags() != count:
        raise Disturbed(f"{deployment.visible_dags()} DAGs are visible instead of {count}")


def _steady_percent(deployment: Deployment, sizes: Sizes) -> float:
    """CPU time of the product while nothing changes, in percent of one processor."""
    time.sleep(5 * sizes.settle)
    product, begun = deployment.product_cpu(), time.monotonic()
    time.sleep(sizes.steady)
    return 100 * product.used() / (time.monotonic() - begun)


def _seconds_until_changed(deployment: Deployment) -> float:
    """Give one DAG a sixth task, and wait until the API shows it."""
    file = deployment.dags / "many" / "five_0.py"
    changed = file.read_text().replace("TASKS = 5", CHANGED)
    if CHANGED not in changed:
        raise Disturbed(f"{file.name} has no line TASKS = 5")
    aside = deployment.directory / "changed"
    aside.write_text(changed)
    begun = time.time()
    aside.replace(file)
    eventually(
        "the change",
        lambda: deployment.api.get("dags", "five_0", "tasks")["total_entries"] == 6,
        deployment.patience,
    )
    return time.time() - begun

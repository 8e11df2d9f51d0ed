"""Measures figures of one product: a deployment for each figure, or for each of its runs."""

from collections.abc import Callable, Iterable

from tests.benchmarks import conditions
from tests.benchmarks.accounting import OtherLoad, loop_ms
from tests.benchmarks.catalogue import Figure
from tests.benchmarks.dag_files import dag_id
from tests.benchmarks.deployment import Deployment, Make, database_server, deployed
from tests.benchmarks.measuring import Numbers
from tests.benchmarks.results import Results, say
from tests.support.postgres import Postgres


def measure(
    results: Results, product: str, make: Make, figures: Iterable[Figure], databases: Iterable[tuple[str, str]]
) -> None:
    """Measure figures on each database in each topology that has them.

    Args:
        results: where they go; a figure that fails is kept there as such.
        product: name of what is measured.
        make: makes a deployment of it.
        figures: which ones.
        databases: pairs of database and topology.
    """
    for database, topology in databases:
        system = results.system(product, database, topology)
        with database_server(database) as postgres:
            for figure in figures:
                if topology not in figure.topologies:
                    continue
                try:
                    runs = _runs(results, system, figure, make, postgres)
                except Exception as error:  # noqa: BLE001  told, kept, and the exit code says it
                    results.fail(system, figure.name, error)
                else:
                    results.add(system, figure.name, runs)


def _runs(
    results: Results, system: dict[str, object], figure: Figure, make: Make, postgres: Postgres | None
) -> list[Numbers]:
    sizes, topology = results.sizes, str(system["topology"])
    repeats, files = figure.repeats(sizes), figure.files(sizes)
    say(f"{system['product']} {topology} {system['database']} {figure.name}: {repeats} runs")
    if figure.fresh:
        runs = []
        for _ in range(repeats):
            with deployed(make, topology, postgres, files=files) as deployment:
                deployment.patience = max(sizes.patience, deployment.least_patience)
                runs.append(_watched(deployment, lambda: figure.measure(deployment, sizes)))
                deployment.examine()
        return runs
    with deployed(make, topology, postgres, files=files) as deployment:
        deployment.patience = max(sizes.patience, deployment.least_patience)
        deployment.start()
        for file in files:
            deployment.wait_for_dag(dag_id(file))
        runs = [_watched(deployment, lambda: figure.measure(deployment, sizes)) for _ in range(repeats)]
        # Of a deployment that was started here: what it is said to be is the same for all figures.
        system |= conditions.of_deployment(deployment)
        deployment.examine()
    return runs


def _watched(deployment: Deployment, measured: Callable[[], Numbers]) -> Numbers:
    """Measure, and beside it what else the machine did meanwhile, and how fast it was."""
    before = loop_ms()
    other = OtherLoad(deployment.product_cpu(), deployment.database_cpu())
    try:
        numbers = measured()
    except Exception as error:
        error.add_note(deployment.evidence())
        raise
    return {**numbers, "other_cpu_percent": other.percent(), "loop_ms": (before + loop_ms()) / 2}

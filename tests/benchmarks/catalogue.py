"""All figures that are measured of a deployment, and what each of them needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.benchmarks import footprint, growth, latency, parsing, throughput
from tests.benchmarks.dag_files import DagFile
from tests.benchmarks.deployment import SPLIT, STANDALONE, Deployment
from tests.benchmarks.measuring import Numbers
from tests.benchmarks.sizes import Sizes

Files = Callable[[Sizes], Sequence[DagFile]]


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: by which it is chosen.
        measure: measures it once.
        files: DAG files that are there from the start.
        fresh: whether each run has a deployment of its own, not started yet; else all runs share one that is.
        most: runs at most, where one run says enough for its time.
        topologies: where it can be measured.
        of_airflow: whether Airflow can be measured in the same way.
    """

    name: str
    measure: Callable[[Deployment, Sizes], Numbers]
    files: Files
    fresh: bool = False
    most: int | None = None
    topologies: tuple[str, ...] = (STANDALONE, SPLIT)
    of_airflow: bool = True

    def repeats(self, sizes: Sizes) -> int:
        """Return how many runs there are of it."""
        return sizes.repeat if self.most is None else min(self.most, sizes.repeat)


def _single(_sizes: Sizes) -> list[DagFile]:
    return [("single", 1)]


FIGURES = (
    Figure("cold_start", latency.cold_start, _single, fresh=True, topologies=(STANDALONE,)),
    Figure("idle", footprint.idle, _single),
    Figure("chain", latency.chain, lambda sizes: [("chain", sizes.links)]),
    Figure("one_try", latency.one_try, lambda sizes: [("chain", sizes.links)], of_airflow=False),
    Figure("trigger", latency.trigger, _single),
    Figure("command_line", latency.command_line, _single),
    Figure("fan_out", throughput.fan_out, lambda sizes: [("wide", sizes.wide)]),
    Figure("fan_out_reuse", throughput.fan_out_reuse, lambda sizes: [("reuse", sizes.wide)], of_airflow=False),
    Figure("sleeping", footprint.sleeping, footprint.sleeping_files, fresh=True),
    Figure("many_dag_files", parsing.many_dag_files, _single, fresh=True, of_airflow=False),
    Figure("many_dag_files_at_start", parsing.many_dag_files_at_start, _single, fresh=True),
    Figure("cost", throughput.cost, throughput.cost_files, fresh=True, most=3, of_airflow=False),
    Figure(
        "runs_at_once",
        throughput.runs_at_once,
        lambda sizes: [("diamond", sizes.run_tasks)],
        most=3,
        of_airflow=False,
    ),
    Figure("short_runs", growth.short_runs, lambda sizes: [("chain", sizes.short_links)], most=1, of_airflow=False),
)
NAMES = tuple(figure.name for figure in FIGURES)

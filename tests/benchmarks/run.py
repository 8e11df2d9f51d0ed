"""Measures the whole system with the settings of a new user: `python -m tests.benchmarks.run --help`."""

import argparse
import compileall
import dataclasses
import json
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import report
from tests.benchmarks.airflow_deployment import AIRFLOW_SDK, AirflowDeployment, airflow_version
from tests.benchmarks.catalogue import FIGURES, NAMES
from tests.benchmarks.deployment import SPLIT, STANDALONE
from tests.benchmarks.environment import OURS, Sdk, sdk_alone
from tests.benchmarks.measure import measure
from tests.benchmarks.results import Results
from tests.benchmarks.sizes import FULL, QUICK, Sizes
from tests.benchmarks.tradewind_deployment import TradewindDeployment

SDK_ALONE = "sdk_alone"
SYSTEMS = {
    "sqlite": ("sqlite", STANDALONE),
    "postgresql": ("postgresql", STANDALONE),
    "split": ("postgresql", SPLIT),
}
OF_AIRFLOW = ("sqlite", "split")
"""Systems in which Airflow is measured: as its own quick start has it, and as it is deployed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for, and print the medians as a table.

    Returns:
        0, or 1 when a figure could not be measured; the others are there nevertheless.
    """
    chosen = _parser().parse_args(arguments)
    names, systems = _chosen(chosen)
    results = Results(_sizes(chosen), chosen.out)
    # A first start would else pay for byte code that an installation makes.
    compileall.compile_dir(sysconfig.get_path("purelib"), quiet=2)
    if SDK_ALONE in names:
        _measure_sdk(results, "tradewind", OURS)
        if chosen.airflow:
            _measure_sdk(results, "airflow", AIRFLOW_SDK)
    figures = [figure for figure in FIGURES if figure.name in names]
    for name in systems:
        measure(results, "tradewind", TradewindDeployment, figures, [SYSTEMS[name]])
        if chosen.airflow and name in OF_AIRFLOW:
            make = AirflowDeployment.of(chosen.airflow)
            beside = [figure for figure in figures if figure.of_airflow]
            measure(results, f"airflow {airflow_version(chosen.airflow)}", make, beside, [SYSTEMS[name]])
    if chosen.out is None:
        print(json.dumps(results.as_json(), indent=2))
    print(report.table([results.as_json()]), file=sys.stdout if chosen.out else sys.stderr)
    return 1 if results.failures else 0


def _chosen(chosen: argparse.Namespace) -> tuple[list[str], list[str]]:
    """Names of figures and systems; beside Airflow, when nothing is said, those in which both can be measured."""
    figures = [figure.name for figure in FIGURES if figure.of_airflow or not chosen.airflow]
    systems = OF_AIRFLOW if chosen.airflow else SYSTEMS
    return chosen.figure or [SDK_ALONE, *figures], chosen.system or list(systems)


def _measure_sdk(results: Results, product: str, sdk: Sdk) -> None:
    system = results.system(product, "none", "environment")
    results.add(system, SDK_ALONE, [sdk_alone(sdk, results.sizes)])


def _sizes(chosen: argparse.Namespace) -> Sizes:
    sizes = QUICK if chosen.quick else FULL
    given = {name: value for name in ("repeat", "wide", "minutes") if (value := getattr(chosen, name)) is not None}
    return dataclasses.replace(sizes, **given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.run", description=__doc__)
    parser.add_argument("--figure", choices=[SDK_ALONE, *NAMES], action="append", help="default: all that there are")
    parser.add_argument("--system", choices=list(SYSTEMS), action="append", help="default: all that there are")
    parser.add_argument("--repeat", type=int, help=f"runs of each figure (default {FULL.repeat})")
    parser.add_argument("--wide", type=int, help=f"tasks of the fan-out (default {FULL.wide})")
    parser.add_argument("--minutes", type=int, help=f"duration of short_runs (default {FULL.minutes})")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that the measuring works, no more")
    parser.add_argument("--out", type=Path, help="file for the JSON; printed when absent")
    parser.add_argument("--airflow", type=Path, help="environment in which Airflow is; measured beside")
    return parser


if __name__ == "__main__":
    sys.exit(main())

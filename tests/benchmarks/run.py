"""Measures the whole system with the settings of a new user: `python -m tests.benchmarks.run --help`."""

import argparse
import json
import os
import platform
import sys
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import pysqlite3.dbapi2 as sqlite3  # the server's own

from tests.benchmarks.deployment import Deployment, database_server, deployed
from tests.benchmarks.figures import STEADY, Numbers, cold_start
from tests.benchmarks.measuring import OtherLoad, summary
from tests.e2e.processes import program
from tests.journal.checker import faults
from tests.journal.records import read_journal
from tests.support.postgres import Postgres

DISTRIBUTIONS = ("tradewind-server", "tradewind-task-sdk")


def measure(database: str, repeat: int, *, width: int = 1000, length: int = 20) -> dict[str, Any]:
    """Measure every figure several times on one database.

    Args:
        database: `sqlite` or `postgresql`.
        repeat: runs of each figure; the cold start has a home of its own each time, the others share one.
        width: tasks of the fan-out.
        length: tasks of the chain, at least two.

    Returns:
        A JSON object: the figures with median, spread and every run, beside versions, settings and topology.
    """
    figures: dict[str, list[Numbers]] = defaultdict(list)
    with database_server(database) as postgres:
        for _ in range(repeat):
            with deployed(postgres, width=width, length=length) as deployment:
                figures["cold_start"].append(cold_start(deployment))
                _examine(deployment)
        with deployed(postgres, width=width, length=length) as deployment:
            deployment.start()
            for name, figure in STEADY.items():
                figures[name] = [_undisturbed(deployment, figure) for _ in range(repeat)]
                say(f"{database} {name}: {figures[name]}")
            conditions = _conditions(deployment, postgres)
            _examine(deployment)
    return {
        "database": database,
        "repeat": repeat,
        "tasks": {"chain": length, "fan_out": width},
        **conditions,
        "figures": {name: _across_runs(runs) for name, runs in sorted(figures.items())},
    }


def _undisturbed(deployment: Deployment, figure: Callable[[Deployment], Numbers]) -> Numbers:
    """Measure a figure, and beside it what else the machine did meanwhile."""
    other = OtherLoad(deployment.product_cpu(), deployment.database_cpu())
    numbers = figure(deployment)
    return {**numbers, "other_cpu_percent": other.percent()}


def _across_runs(runs: list[Numbers]) -> dict[str, Any]:
    return {name: summary([numbers[name] for numbers in runs]) for name in runs[0]}


def _examine(deployment: Deployment) -> None:
    """Refuse figures of a system that has not recorded everything that it did."""
    if found := faults(read_journal(deployment.system.database_url)):
        raise RuntimeError(f"the journal is at fault: {found[:5]}")


def _conditions(deployment: Deployment, postgres: Postgres | None) -> dict[str, Any]:
    settings = deployment.system.call([program("tradewind-server"), "config", "show"])
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            **{name: version(name) for name in DISTRIBUTIONS},
            "python": platform.python_version(),
            "database": _database_version(postgres),
        },
        "machine": {
            "processor": _processor(),
            "processors": os.cpu_count(),
            "memory_mib": psutil.virtual_memory().total >> 20,
            "kernel": platform.release(),
            "load_1_min": os.getloadavg()[0],
        },
        "settings": settings.json,
        "topology": deployment.topology(),
    }


def _database_version(postgres: Postgres | None) -> str:
    if postgres is None:
        return f"SQLite {sqlite3.sqlite_version}"
    import psycopg  # noqa: PLC0415  not needed on SQLite

    with psycopg.connect(postgres.url) as connection:
        row = connection.execute("SELECT version()").fetchone()
    return str(row and row[0])


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def say(line: str) -> None:
    """Tell how far the measuring is, apart from the result."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Measure, print the medians, and write everything as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.run", description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append", help="default: both")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each figure (default 5)")
    parser.add_argument("--tasks", type=int, default=1000, help="tasks of the fan-out (default 1000)")
    parser.add_argument("--out", type=Path, help="file for the JSON; printed when absent")
    chosen = parser.parse_args()
    results = [
        measure(database, chosen.repeat, width=chosen.tasks) for database in chosen.database or ["sqlite", "postgresql"]
    ]
    text = json.dumps(results, indent=2)
    if chosen.out:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_text(text + "\n")
    else:
        print(text)
    for result in results:
        for figure, numbers in result["figures"].items():
            shown = ", ".join(f"{name} {values['median']:g}" for name, values in numbers.items())
            say(f"{result['database']:<11}{figure:<13}{shown}")


if __name__ == "__main__":
    main()

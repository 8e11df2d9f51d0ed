"""What the numbers were measured on: versions, machine, settings, processes."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pysqlite3.dbapi2 as sqlite3  # the server's own

from tests.benchmarks.accounting import command, tree
from tests.benchmarks.deployment import Deployment
from tests.support.postgres import Postgres

DISTRIBUTIONS = ("tradewind-server", "tradewind-task-sdk")
POSTGRES_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers")


def of_session() -> dict[str, Any]:
    """Describe moment, machine and versions."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {**{name: version(name) for name in DISTRIBUTIONS}, "python": platform.python_version()},
        "machine": {
            "processor": _processor(),
            "processors": os.cpu_count(),
            "memory_mib": psutil.virtual_memory().total >> 20,
            "kernel": platform.release(),
            "load_1_min": os.getloadavg()[0],
        },
    }


def of_deployment(deployment: Deployment) -> dict[str, Any]:
    """Describe a deployment that is running: its settings, its processes and its database."""
    commands = map(command, tree(deployment.roots()))
    processes = [" ".join(words[1:])[:120] for words in commands if words]
    return {"settings": deployment.settings(), "processes": processes, **_of_database(deployment.postgres)}


def _of_database(postgres: Postgres | None) -> dict[str, Any]:
    if postgres is None:
        return {"database_version": f"SQLite {sqlite3.sqlite_version}"}
    with psycopg.connect(postgres.url) as connection:
        rows = {name: connection.execute(f"SHOW {name}".encode()).fetchone() for name in POSTGRES_SETTINGS}
        found = connection.execute("SELECT version()").fetchone()
    return {
        "database_version": str(found and found[0]),
        "database_settings": {name: row and row[0] for name, row in rows.items()},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()

"""The deployment that is measured: `tradewind standalone` with a new user's settings, on SQLite or PostgreSQL."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.benchmarks.measuring import CpuTime, Marks
from tests.e2e.processes import Running, adopt_orphans, survivors
from tests.e2e.system import System
from tests.support.databases import create_database
from tests.support.postgres import Postgres, running_postgres

DAGS = Path(__file__).parent / "dags"


class Deployment:
    """A system in an empty home directory whose tasks leave marks.

    Args:
        directory: its own.
        postgres: the server in which it gets a database; none is SQLite.
        width: tasks of the wide DAG.
        length: tasks of the chain.
    """

    def __init__(self, directory: Path, postgres: Postgres | None, *, width: int, length: int) -> None:
        self.system = System(directory, create_database(postgres.url) if postgres else None)
        self.marks = Marks(directory / "marks")
        self.system.add_dags(DAGS)
        self.system.environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self.system.environment |= {
            "BENCHMARK_MARKS": str(self.marks.path),
            "BENCHMARK_WIDTH": str(width),
            "BENCHMARK_LENGTH": str(length),
        }
        self._postgres = postgres
        self.running: Running | None = None

    def start(self, *options: str) -> Running:
        """Start it with everything at its default."""
        self.running = self.system.standalone(*options)
        return self.running

    def product_cpu(self) -> CpuTime:
        """Begin to count the CPU time of every process of the product."""
        assert self.running
        return CpuTime([self.running.pid])

    def database_cpu(self) -> CpuTime:
        """Begin to count the CPU time of PostgreSQL; of nothing on SQLite, which is a part of the product."""
        process = self._postgres and self._postgres.process
        return CpuTime([process.pid] if process else [])

    def topology(self) -> dict[str, list[str]]:
        """Name the processes that are there."""
        assert self.running
        tree = [psutil.Process(self.running.pid), *psutil.Process(self.running.pid).children(recursive=True)]
        return {"processes": [" ".join(process.cmdline()[1:])[:120] for process in tree]}


@contextlib.contextmanager
def deployed(postgres: Postgres | None, *, width: int, length: int) -> Iterator[Deployment]:
    """Make a deployment in a directory of its own, not started yet; everything of it is gone afterwards."""
    adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="tradewind-benchmark-") as name:
        deployment = Deployment(Path(name), postgres, width=width, length=length)
        try:
            yield deployment
            deployment.system.close()
        finally:
            left = survivors()
            deployment.system.release()
        if left:
            raise RuntimeError(f"processes outlived the deployment: {left}")


@contextlib.contextmanager
def database_server(database: str) -> Iterator[Postgres | None]:
    """Start a PostgreSQL with its stock settings, fsync on, if that is the database."""
    if database == "sqlite":
        yield None
        return
    with running_postgres() as server:
        yield server

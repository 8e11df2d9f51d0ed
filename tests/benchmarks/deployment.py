"""A whole system that is measured, whichever product it is: what figures need of it, and its life in a directory."""

import contextlib
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from tests.benchmarks import dag_files
from tests.benchmarks.accounting import CpuTime, Memory, memory
from tests.benchmarks.dag_files import DagFile
from tests.benchmarks.measuring import Disturbed, Marks
from tests.benchmarks.sizes import FULL
from tests.e2e.api import Api, ApiError
from tests.e2e.processes import Running, adopt_orphans, eventually, survivors
from tests.support.databases import create_database, drop_database
from tests.support.postgres import Postgres, running_postgres

STANDALONE = "standalone"
SPLIT = "split"


class Deployment(ABC):
    """A system in an empty directory whose tasks leave marks; not started yet.

    Args:
        directory: its own.
        topology: `standalone` is one command, `split` a process for each role.
        postgres: the server in which it has a database.

    Attributes:
        product: name of what it is.
        sdk: module from which its DAG files import.
        ends_all_its_processes: whether a process that outlives it is a fault; else that is ended and no more.
        least_patience: seconds that must be waited for it at least before something has failed.
        patience: seconds after which something that has not happened has failed.
    """

    product: ClassVar[str]
    sdk: ClassVar[str]
    ends_all_its_processes: ClassVar[bool] = True
    least_patience: ClassVar[float] = 0.0

    def __init__(self, directory: Path, topology: str, postgres: Postgres | None) -> None:
        self.directory = directory
        self.topology = topology
        self.postgres = postgres
        self.marks = Marks(directory / "marks")
        self.gate = directory / "gate"
        self.dags = directory / "dags"
        self.runs: list[tuple[str, str]] = []
        self.patience = FULL.patience
        os.mkfifo(self.gate)

    @property
    @abstractmethod
    def running(self) -> Sequence[Running]:
        """The processes that were started."""

    @property
    @abstractmethod
    def api(self) -> Api:
        """The public API; only once the system has started."""

    @property
    @abstractmethod
    def database_url(self) -> str:
        """The database, on SQLite a file in the home."""

    @abstractmethod
    def start(self) -> None:
        """Start everything with a new user's settings, and return when the API answers."""

    @abstractmethod
    def start_once(self, dag_id: str) -> None:
        """Start an empty home as a new user does who wants one run of a DAG, and begin that run."""

    @abstractmethod
    def stop(self) -> None:
        """End everything; it can be started again on the same home."""

    @abstractmethod
    def list_dags(self) -> int:
        """Call the command line once to list the DAGs, and return its exit code."""

    @abstractmethod
    def allow(self, tasks: int) -> None:
        """Let so many tasks run at once; before the start. Nothing else differs from a new user's settings."""

    @abstractmethod
    def settings(self) -> Any:
        """Return what is in force."""

    @abstractmethod
    def examine(self) -> None:
        """Refuse figures of a system that has not recorded everything that it did."""

    def write_dags(self, *files: DagFile) -> None:
        """Put DAG files where the system looks."""
        dag_files.write(self.dags, files, sdk=self.sdk)

    def roots(self) -> list[int]:
        """Process ids at the top of what is running now."""
        return [running.pid for running in self.running if running.process.poll() is None]

    def product_cpu(self) -> CpuTime:
        """Begin to count the CPU time of every process of the product."""
        return CpuTime(self.roots)

    def cpu_by_part(self) -> dict[str, float]:
        """Return the CPU seconds that each part of the product has used so far; nothing where parts are not told."""
        return {}

    def database_cpu(self) -> CpuTime:
        """Begin to count the CPU time of PostgreSQL; of nothing on SQLite, which is a part of the product."""
        return CpuTime(self._database_roots)

    def memory(self) -> Memory:
        """Look at the memory of every process of the product."""
        return memory(self.roots())

    def database_memory(self) -> Memory:
        """Look at the memory of PostgreSQL."""
        return memory(self._database_roots())

    def _database_roots(self) -> list[int]:
        process = self.postgres and self.postgres.process
        return [process.pid] if process else []

    def visible_dags(self) -> int:
        """Return how many DAGs the system shows."""
        return int(self.api.get("dags", limit=1)["total_entries"])

    def wait_for_dag(self, dag_id: str) -> None:
        """Wait until the system shows a DAG.

        Raises:
            Disturbed: a file cannot be imported.
        """

        def there() -> Any:
            if (found := self.found("dags", dag_id)) is None:
                errors = self.api.get("importErrors")["import_errors"]
                if errors:
                    raise Disturbed(f"{errors[0]['filename']} cannot be imported: {errors[0]['stack_trace']}")
            return found

        eventually(f"DAG {dag_id}", there, self.patience)

    def found(self, *path: str) -> Any:
        """Return what is at a path of the API, None where there is nothing yet."""
        try:
            return self.api.get(*path)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    def trigger(self, dag_id: str) -> str:
        """Create a run and return its id."""
        run = self.api.post("dags", dag_id, "dagRuns", body={"conf": {}, "logical_date": None})
        self.runs.append((dag_id, run["dag_run_id"]))
        return str(run["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return a run as the API gives it."""
        found: dict[str, Any] = self.api.get("dags", dag_id, "dagRuns", run_id)
        return found

    def task_count(self, dag_id: str, run_id: str, **query: str) -> int:
        """Return how many task instances a run has."""
        page = self.api.get("dags", dag_id, "dagRuns", run_id, "taskInstances", limit=1, **query)
        return int(page["total_entries"])

    def task_environment(self) -> dict[str, str]:
        """Return the variables by which the tasks find what they need."""
        return {"BENCHMARK_MARKS": str(self.marks.path), "BENCHMARK_GATE": str(self.gate)}

    def evidence(self) -> str:
        """Return the last of what the processes have printed."""
        return "\n".join(running.output[-2000:] for running in self.running)


Make = Callable[[Path, str, Postgres | None, str | None], Deployment]
"""Makes a deployment of one product."""


@contextlib.contextmanager
def deployed(
    make: Make, topology: str = STANDALONE, postgres: Postgres | None = None, *, files: Sequence[DagFile] = ()
) -> Iterator[Deployment]:
    """Make a deployment in a directory of its own, not started yet; everything of it is gone afterwards."""
    adopt_orphans()
    url = create_database(postgres.url) if postgres else None
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        deployment = make(Path(name), topology, postgres, url)
        deployment.write_dags(*files)
        try:
            yield deployment
        finally:
            try:
                deployment.stop()
            finally:
                left = survivors()
        if left and deployment.ends_all_its_processes:
            raise RuntimeError(f"processes outlived the deployment: {left}")
    if postgres and url:
        # Its vacuum would be charged to the next deployment.
        drop_database(postgres.url, url)


@contextlib.contextmanager
def database_server(database: str) -> Iterator[Postgres | None]:
    """Start a PostgreSQL that syncs each commit, if that is the database."""
    if database == "sqlite":
        yield None
        return
    with running_postgres() as server:
        yield server

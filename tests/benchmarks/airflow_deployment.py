"""Airflow 3 as it is measured beside: with its commands, and with its defaults but for what one machine needs."""

import functools
import json
import subprocess
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.accounting import tree
from tests.benchmarks.deployment import STANDALONE, Deployment, Make
from tests.benchmarks.environment import Sdk
from tests.e2e.api import Api
from tests.e2e.processes import Running, eventually
from tests.e2e.system import clean_environment, free_port
from tests.support.postgres import Postgres

AIRFLOW_SDK = Sdk("apache-airflow-task-sdk", "airflow.sdk")
ROLES = ("api-server", "scheduler", "dag-processor", "triggerer")
START_DEADLINE = 180.0
STOP_DEADLINE = 60.0
_HEALTHY = ("metadatabase", "scheduler", "dag_processor")


class AirflowDeployment(Deployment):
    """See `Deployment`.

    Args:
        environment: the virtual environment in which it is installed.
        directory: see `Deployment`.
        topology: see `Deployment`.
        postgres: see `Deployment`.
        database_url: see `Deployment`.
    """

    product = "airflow"
    sdk = "airflow.sdk"
    ends_all_its_processes = False
    least_patience = 300.0

    def __init__(
        self, environment: Path, directory: Path, topology: str, postgres: Postgres | None, database_url: str | None
    ) -> None:
        super().__init__(directory, topology, postgres)
        self.home = directory / "home"
        self._program = str(environment / "bin" / "airflow")
        self._url = database_url
        self._port = free_port()
        self._changed = self._settings()
        self._processes: list[Running] = []
        self._api: Api | None = None
        self._environment = {
            **clean_environment(directory),
            **self.task_environment(),
            "AIRFLOW_HOME": str(self.home),
        }
        for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV"):
            self._environment.pop(name, None)
        # Its standalone starts its parts by the name of its command.
        self._environment["PATH"] = f"{environment / 'bin'}:{self._environment['PATH']}"
        self.home.mkdir()

    @classmethod
    def of(cls, environment: Path) -> Make:
        """Return what makes deployments of the Airflow that is in an environment."""
        return functools.partial(cls, environment.resolve())

    @property
    def running(self) -> Sequence[Running]:
        return self._processes

    @property
    def api(self) -> Api:
        assert self._api is not None, "start the system first"
        return self._api

    @property
    def database_url(self) -> str:
        return self._url or f"sqlite:///{self.home / 'airflow.db'}"

    def start(self) -> None:
        if self.topology == STANDALONE:
            self._begin("standalone")
        else:
            self._call("db", "migrate")
            for role in ROLES:
                self._begin(role)
        self._connect(healthy=True)

    def start_once(self, dag_id: str) -> None:
        self._begin("standalone")
        self._connect(healthy=False)
        self.wait_for_dag(dag_id)
        self.trigger(dag_id)

    def stop(self) -> None:
        # Its standalone ends without ending its parts.
        for process in list(tree(self.roots())):
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        for running in reversed(self._processes):
            try:
                running.wait(STOP_DEADLINE)
            finally:
                running.process.kill()
        for running in self._processes:
            running.close()
        self._processes.clear()

    def list_dags(self) -> int:
        return self._call("dags", "list", "-o", "json")

    def allow(self, tasks: int) -> None:
        self._changed["core__parallelism"] = str(max(tasks, 32))

    def settings(self) -> Any:
        return {name: value for name, value in self._changed.items() if "secret" not in name}

    def examine(self) -> None:
        """Its runs are looked at when they are measured; nothing more is asked of it."""

    def _settings(self) -> dict[str, str]:
        """What differs from its defaults: places, ports, no examples, no password, and no telemetry."""
        secret = "only-for-this-benchmark-" * 4
        url = self._url and self._url.replace("postgresql://", "postgresql+psycopg2://", 1)
        return {
            **({"database__sql_alchemy_conn": url} if url else {}),
            "core__dags_folder": str(self.dags),
            "core__load_examples": "False",
            "core__dags_are_paused_at_creation": "False",
            "core__simple_auth_manager_all_admins": "True",
            "core__hostname_callable": "socket.gethostname",
            "core__execution_api_server_url": f"http://127.0.0.1:{self._port}/execution/",
            "api__host": "127.0.0.1",
            "api__port": str(self._port),
            "api__secret_key": secret,
            "api_auth__jwt_secret": secret,
            "logging__worker_log_server_port": str(free_port()),
            "logging__trigger_log_server_port": str(free_port()),
            "usage_data_collection__enabled": "False",
        }

    def _variables(self) -> dict[str, str]:
        return {**self._environment, **{f"AIRFLOW__{name.upper()}": value for name, value in self._changed.items()}}

    def _begin(self, role: str) -> None:
        self._processes.append(Running([self._program, role], self._variables(), self.directory))

    def _call(self, *arguments: str) -> int:
        """Run a command to its end; `db migrate` that fails shows in what comes after it."""
        running = Running([self._program, *arguments], self._variables(), self.directory)
        try:
            return running.wait(START_DEADLINE)
        finally:
            running.process.kill()
            running.close()

    def _connect(self, *, healthy: bool) -> None:
        """Wait until the API answers, and if wanted until it says that all parts are well; then log in."""
        url = f"http://127.0.0.1:{self._port}"
        open_api = Api(url, "")

        def answers() -> bool:
            for running in self._processes:
                running.must_live()
            with suppress(OSError, AssertionError):
                health = open_api.get("monitor", "health")
                return not healthy or all(health[name]["status"] == "healthy" for name in _HEALTHY)
            return False

        eventually("the start of Airflow", answers, START_DEADLINE)
        with urllib.request.urlopen(f"{url}/auth/token") as answer:
            self._api = Api(url, json.loads(answer.read())["access_token"])


def airflow_version(environment: Path) -> str:
    """Return the version of the Airflow that is in an environment."""
    script = "import importlib.metadata as m; print(m.version('apache-airflow'))"
    command = [str(environment / "bin" / "python"), "-c", script]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

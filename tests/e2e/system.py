"""A whole Tradewind in a directory of its own, started by its commands as a user starts it."""

import json
import os
import shutil
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.api import Api
from tests.e2e.processes import DEADLINE_SECONDS, Running, eventually, program

DAGS = Path(__file__).parent / "dags"
FINAL = {"success", "failed"}
ENDED = {*FINAL, "skipped", "upstream_failed"}


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    output: str

    @property
    def json(self) -> Any:
        return json.loads(self.output)


class System:
    """A home directory, a folder of DAG files, and the processes that work on them.

    Args:
        directory: where everything is kept; its own.
        database_url: PostgreSQL; none is SQLite in the home directory.
    """

    def __init__(self, directory: Path, database_url: str | None = None) -> None:
        self.home = directory / "home"
        self.dags = directory / "dags"
        self.directory = directory
        self.witness = directory / "witness"
        self.database_url = database_url or f"sqlite:///{self.home / 'tradewind.db'}"
        self.processes: list[Running] = []
        self._api: Api | None = None
        for folder in (self.home, self.dags, self.witness):
            folder.mkdir(parents=True, exist_ok=True)
        self.environment = {
            **clean_environment(directory),
            "TRADEWIND_HOME": str(self.home),
            "TRADEWIND__DATABASE__URL": self.database_url,
            "TRADEWIND__DAGS__FOLDER": str(self.dags),
            "WITNESS_FOLDER": str(self.witness),
        }

    def add_dags(self, *files: Path | str) -> None:
        """Put DAG files, or folders of them, where the system looks; a plain name is one of `tests/e2e/dags`."""
        if any(isinstance(file, str) for file in files):
            shutil.copy(DAGS / "witness.py", self.dags)
        for file in files:
            source = DAGS / file if isinstance(file, str) else file
            if source.is_dir():
                shutil.copytree(source, self.dags, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, self.dags)

    def standalone(self, *options: str, workers: int = 1, port: int | None = 0) -> Running:
        """Start everything with one command, and return when its API answers; without a port the settings have one."""
        chosen = [] if port is None else ["--port", str(port)]
        command = [program("tradewind"), "standalone", *chosen, "--workers", str(workers), *options]
        running = self.start(command)
        self.wait_until_ready(running)
        return running

    def start(self, command: list[str], environment: Mapping[str, str] | None = None) -> Running:
        """Start a process that belongs to this system; the end of the test ends it."""
        running = Running(command, environment or self.environment, self.directory)
        self.processes.append(running)
        return running

    def wait_until_ready(self, running: Running) -> None:
        """Wait until the server says where it is, and answers there; a process that ended instead is an error."""

        def ready() -> bool:
            running.must_live()
            if not ((self.home / "admin.token").exists() and (self.home / "api.url").exists()):
                return False
            self._api = Api(read(self.home / "api.url"), read(self.home / "admin.token"))
            return self._api.answers()

        eventually("the start of the server", ready)

    def connect(self, running: Running, url: str, token: str) -> None:
        """Use a server that is no standalone: for the API, and for commands by their environment."""
        self._api = api = Api(url, token)

        def answers() -> bool:
            running.must_live()
            return api.answers()

        self.environment.update({"TRADEWIND_API_URL": url, "TRADEWIND_API_TOKEN": token})
        eventually("the start of the server", answers)

    @property
    def api(self) -> Api:
        """The API as the administrator sees it; only once the server has started."""
        assert self._api is not None, "start the system first"
        return self._api

    def tradewind(self, *arguments: str, deadline: float = DEADLINE_SECONDS) -> Answer:
        """Run a command to its end."""
        return self.call([program("tradewind"), *arguments], deadline=deadline)

    def call(
        self, command: list[str], environment: Mapping[str, str] | None = None, deadline: float = DEADLINE_SECONDS
    ) -> Answer:
        """Run any command to its end in the environment of this system."""
        running = Running(command, environment or self.environment, self.directory)
        try:
            return Answer(running.wait(deadline), running.output)
        finally:
            running.process.kill()
            running.close()

    def wait_for_dag(self, dag_id: str) -> dict[str, Any]:
        """Wait until the server knows a DAG, and return it."""
        found: dict[str, Any] = eventually(
            f"DAG {dag_id}", lambda: next((dag for dag in self.listed_dags() if dag["dag_id"] == dag_id), None)
        )
        return found

    def listed_dags(self) -> list[dict[str, Any]]:
        """Return what the server knows of DAGs whose files are there."""
        page: dict[str, list[dict[str, Any]]] = self.api.get("dags", limit=1000)
        return [dag for dag in page["dags"] if not dag["is_stale"]]

    def trigger(self, dag_id: str, conf: Mapping[str, object] | None = None) -> str:
        """Create a run and return its id."""
        self.wait_for_dag(dag_id)
        run = self.api.post("dags", dag_id, "dagRuns", body={"conf": conf or {}, "logical_date": None})
        return str(run["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return a run as the API gives it."""
        found: dict[str, Any] = self.api.get("dags", dag_id, "dagRuns", run_id)
        return found

    def instances(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """Return the task instances of a run by task id."""
        page = self.api.get("dags", dag_id, "dagRuns", run_id, "taskInstances", limit=1000)
        return {instance["task_id"]: instance for instance in page["task_instances"]}

    def states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Return the state of each task of a run."""
        return {task_id: instance["state"] for task_id, instance in self.instances(dag_id, run_id).items()}

    def wait_for_end(self, dag_id: str, run_id: str, deadline: float = DEADLINE_SECONDS) -> str:
        """Wait until a run has ended, and return its state."""
        return eventually(
            f"the end of {dag_id} {run_id}",
            lambda: state if (state := str(self.run(dag_id, run_id)["state"])) in FINAL else None,
            deadline,
        )

    def wait_for_state(self, dag_id: str, run_id: str, task_id: str, *wanted: str) -> dict[str, Any]:
        """Wait until a task instance is in one of the states, and return it."""

        def there() -> dict[str, Any] | None:
            instance = self.instances(dag_id, run_id)[task_id]
            return instance if instance["state"] in wanted else None

        return eventually(f"{task_id} in {' or '.join(wanted)}", there)

    def unfinished(self) -> list[dict[str, Any]]:
        """Return the task instances that are not final, of every run that is not; nothing while no server answers."""
        if self._api is None or not self._api.answers():
            return []
        runs = self.api.get("dags", "~", "dagRuns", limit=1000)["dag_runs"]
        live = [run for run in runs if run["state"] not in FINAL]
        found = (self.instances(run["dag_id"], run["dag_run_id"]) for run in live)
        return [instance for page in found for instance in page.values() if instance["state"] not in ENDED]

    def make_token(self, role: str, name: str) -> str:
        """Make a credential as an administrator does on the server's machine."""
        answer = self.call([program("tradewind-server"), "tokens", "create", "--role", role, "--name", name])
        assert answer.code == 0, answer.output
        return answer.output.strip()

    def setting(self, name: str, value: object) -> None:
        """Change a setting, such as `DAGS__PARSE_TIMEOUT_SECONDS`, before anything starts."""
        self.environment[f"TRADEWIND__{name}"] = value if isinstance(value, str) else json.dumps(value)

    def has_database(self) -> bool:
        """Tell whether anything has been started that makes the database."""
        return (self.home / "secret.key").exists()

    def evidence(self) -> list[tuple[str, str]]:
        """Return titles and texts that help to see why a test failed."""
        printed = [(f"{' '.join(process.command[:4])}", process.output) for process in self.processes]
        logs = sorted(self.directory.rglob("*.log"))
        return [*printed, *((str(path), path.read_text(errors="replace")[-20_000:]) for path in logs)]

    def close(self) -> None:
        """End whatever runs, in the reverse order of its start."""
        for running in reversed(self.processes):
            if running.process.poll() is None:
                running.process.send_signal(signal.SIGTERM)
                try:
                    running.wait()
                finally:
                    running.process.kill()

    def release(self) -> None:
        """Close the pipes; called once nothing can hold their other ends."""
        for running in self.processes:
            running.close()
        self.processes.clear()


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def clean_environment(directory: Path) -> dict[str, str]:
    """Return the environment of the tests without anything of Tradewind or of the user's home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRADEWIND", "PYTEST"))}
    return {**kept, "HOME": str(directory)}


def read(path: Path) -> str:
    """Return a small file's content."""
    return path.read_text(encoding="utf-8").strip()

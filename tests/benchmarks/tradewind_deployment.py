"""Tradewind as it is measured: with its commands, and with every setting but the places at its default."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.accounting import command, own_and_ended, tree
from tests.benchmarks.deployment import STANDALONE, Deployment
from tests.e2e.api import Api
from tests.e2e.processes import Running, program
from tests.e2e.system import System, free_port
from tests.journal.checker import faults
from tests.journal.records import read_journal
from tests.support.postgres import Postgres

ROLES = ("scheduler", "dag-processor")
"""Roles that are processes of their own beside the API server and the worker."""

MOST_NAMED_RUNS = 200
"""Runs that one question to the database can name."""


class TradewindDeployment(Deployment):
    """See `Deployment`."""

    product = "tradewind"
    sdk = "tradewind.sdk"

    def __init__(self, directory: Path, topology: str, postgres: Postgres | None, database_url: str | None) -> None:
        super().__init__(directory, topology, postgres)
        self.system = System(directory, database_url)
        self.system.environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self.system.environment |= self.task_environment()
        self._tokens: dict[str, str] = {}

    @property
    def running(self) -> Sequence[Running]:
        return self.system.processes

    @property
    def database_url(self) -> str:
        return self.system.database_url

    @property
    def api(self) -> Api:
        return self.system.api

    def start(self) -> None:
        if self.topology == STANDALONE:
            self.system.standalone()
        else:
            self._start_roles()

    def start_once(self, dag_id: str) -> None:
        self.system.standalone("--once", dag_id)

    def stop(self) -> None:
        self.system.close()
        self.system.release()

    def list_dags(self) -> int:
        return self.system.tradewind("dags", "list", "-o", "json").code

    def allow(self, tasks: int) -> None:
        self.system.environment["TRADEWIND_WORKER_CAPACITY"] = str(tasks)

    def settings(self) -> Any:
        return self.system.call([program("tradewind-server"), "config", "show"]).json

    def cpu_by_part(self) -> dict[str, float]:
        """The control plane, the supervisor of the worker, and the processes in which user code runs."""
        parts = dict.fromkeys(("control_plane", "supervisor", "user_code"), 0.0)
        for process in tree(self.roots()):
            part = _part(command(process))
            own, ended = own_and_ended(process)
            parts[part] += own
            parts["control_plane" if part == "control_plane" else "user_code"] += ended
        return parts

    def examine(self) -> None:
        named = self.runs if 0 < len(self.runs) <= MOST_NAMED_RUNS else None
        if found := faults(read_journal(self.system.database_url, named)):
            raise RuntimeError(f"the journal is at fault: {found[:5]}")

    def _start_roles(self) -> None:
        system, server, port = self.system, program("tradewind-server"), free_port()
        url = f"http://127.0.0.1:{port}"
        system.setting("API__PUBLIC_URL", url)
        if not self._tokens:
            migrated = system.call([server, "db", "migrate"])
            if migrated.code:
                raise RuntimeError(f"db migrate: {migrated.output}")
            self._tokens = {role: system.make_token(role, f"benchmark-{role}") for role in ("admin", "worker")}
        api_server = system.start([server, "api-server", "--port", str(port)])
        system.connect(api_server, url, self._tokens["admin"])
        for role in ROLES:
            system.start([server, role])
        system.start([program("tradewind"), "worker"], {**self._of_workers(), "TRADEWIND_API_URL": url})

    def _of_workers(self) -> dict[str, str]:
        """The environment of a worker: none of the control plane's settings, and a credential of its own."""
        kept = {
            name: value
            for name, value in self.system.environment.items()
            if not name.startswith("TRADEWIND_") or name.startswith("TRADEWIND_WORKER_")
        }
        states = str(self.directory / "worker")
        return {
            **kept,
            "TRADEWIND_API_TOKEN": self._tokens["worker"],
            "TRADEWIND_WORKER_STATE_DIRECTORY": states,
        }


def _part(words: Sequence[str]) -> str:
    """Tell by its command what a process belongs to; one that has ended and was not waited for yet ran user code."""
    if not words or "tradewind.sdk.worker.zygote" in words:
        return "user_code"
    return "supervisor" if "worker" in words else "control_plane"

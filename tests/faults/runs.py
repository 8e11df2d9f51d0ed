"""Runs of a shared deployment as the directed tests use them: started, waited for, and examined at the end."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.api import ApiError
from tests.e2e.processes import DEADLINE_SECONDS, eventually
from tests.faults.deployments import Deployment
from tests.journal.checker import faults
from tests.journal.executions import Execution, read_executions
from tests.journal.records import Journal, read_journal

FINAL = {"success", "failed"}


@dataclass(frozen=True)
class Run:
    """One run of a deployment."""

    deployment: Deployment
    dag_id: str
    run_id: str
    gate: Path

    def executions(self) -> list[Execution]:
        """Return what its user code has written down so far."""
        return read_executions(self.deployment.system.witness, [(self.dag_id, self.run_id)])

    def wait_for_executions(self, count: int) -> list[Execution]:
        """Wait until so many tries have begun."""

        def there() -> list[Execution] | None:
            found = self.executions()
            return found if len(found) >= count else None

        return eventually(f"{count} tries of {self.dag_id}", there)

    def wait_for_end(self, deadline: float = DEADLINE_SECONDS) -> str:
        """Wait for its end, through whatever happens to API servers."""

        def ended() -> str | None:
            try:
                state = str(self.deployment.api().get("dags", self.dag_id, "dagRuns", self.run_id)["state"])
            except (ApiError, OSError):
                return None
            return state if state in FINAL else None

        return eventually(f"the end of {self.dag_id} {self.run_id}", ended, deadline)

    def instances(self) -> dict[str, dict[str, Any]]:
        """Return the task instances by task id."""
        path = ("dags", self.dag_id, "dagRuns", self.run_id, "taskInstances")
        return {one["task_id"]: one for one in self.deployment.api().get(*path, limit=1000)["task_instances"]}

    def journal(self) -> Journal:
        """Return what was recorded of it."""
        name = self.dag_id, self.run_id
        return read_journal(self.deployment.database_url, [name], executions=self.executions())

    def faults(self) -> list[str]:
        """Return what is wrong in that."""
        return faults(self.journal())


def begin(deployment: Deployment, dag_id: str, gate: Path, **conf: object) -> Run:
    """Create a run whose tasks find the gate in its configuration."""
    body: dict[str, object] = {"conf": {"gate": str(gate), **conf}, "logical_date": None}
    run = deployment.api().post("dags", dag_id, "dagRuns", body=body)
    return Run(deployment, dag_id, str(run["dag_run_id"]), gate)

"""Runs one seed: a run of a DAG, faults while it works, and the proof that nothing was lost by them."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pysqlite3.dbapi2 as sqlite3  # the server's own, which is safe beside its writer

from tests.e2e.api import ApiError
from tests.e2e.processes import TooLateError, eventually
from tests.faults.dags.shape import expected_end, expected_states, make_shape
from tests.faults.deployments import Deployment
from tests.faults.injection import Injector
from tests.faults.plans import Fault, Plan
from tests.journal.checker import faults
from tests.journal.executions import Execution, read_executions
from tests.journal.records import read_journal
from tests.journal.samples import Sample, take_sample
from tests.journal.waiting import unexplained

FINAL = {"success", "failed"}
PATIENCE_SECONDS = 3.0
"""How long a fault waits for its moment in the run."""
END_SECONDS = 60.0
_SAMPLE_SECONDS = 0.15


@dataclass
class Seed:
    """One seed on a deployment.

    Attributes:
        problems: what was wrong, in words; nothing is how it must be.
        counts: faults that happened, and those that found nothing to happen to, by kind and target.
    """

    deployment: Deployment
    plan: Plan
    problems: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        """Let everything happen, and look at what is left."""
        deployment, dag_id = self.deployment, f"chaos_{self.plan.shape}"
        self._receipts = {name: len(proxy.receipts) for name, proxy in deployment.proxies.items()}
        body: dict[str, object] = {"conf": {}, "logical_date": None}
        run = deployment.api().post("dags", dag_id, "dagRuns", body=body)
        self.name = dag_id, str(run["dag_run_id"])
        injector = Injector(deployment)
        with self._sampling() as samples:
            try:
                for fault in self.plan.faults:
                    self._await_moment(fault)
                    happened = injector.inject(fault, self._executions())
                    target = fault.target if fault.kind in {"kill", "stop", "clear"} else "way of a worker"
                    self.counts[f"{fault.kind} {target}{'' if happened else ': not there'}"] += 1
            finally:
                injector.heal()
            state = self._await_end()
        if state is not None:
            self._examine(state, samples)
        if self.problems:
            self.problems += [f"what happened: {what}" for what in injector.happened]

    def _executions(self) -> list[Execution]:
        return read_executions(self.deployment.system.witness, [self.name])

    def _await_moment(self, fault: Fault) -> None:
        """Wait until as many tries have begun, but not for ever: the run may have fewer."""
        with contextlib.suppress(TooLateError):
            eventually("its moment", lambda: len(self._executions()) >= fault.begun, PATIENCE_SECONDS)
        time.sleep(fault.pause)

    def _await_end(self) -> str | None:
        dag_id, run_id = self.name

        def ended() -> str | None:
            try:
                self._ask_for_reasons()
                state = str(self.deployment.api().get("dags", dag_id, "dagRuns", run_id)["state"])
            except (ApiError, OSError):
                return None
            return state if state in FINAL else None

        try:
            return eventually(f"the end of {dag_id} {run_id}", ended, END_SECONDS)
        except TooLateError as late:
            self.problems += [str(late), *map(str, self._instances())]
            return None

    def _instances(self) -> list[dict[str, Any]]:
        dag_id, run_id = self.name
        page = self.deployment.api().get("dags", dag_id, "dagRuns", run_id, "taskInstances", limit=1000)
        found: list[dict[str, Any]] = page["task_instances"]
        return found

    def _ask_for_reasons(self) -> None:
        self.problems += [what for what in unexplained(self._instances()) if what not in self.problems]

    def _examine(self, state: str, samples: list[Sample]) -> None:
        shape = make_shape(self.plan.shape)
        states = {one["task_id"]: one["state"] for one in self._instances()}
        if state != expected_end(shape):
            self.problems.append(f"the run is {state}, it must be {expected_end(shape)}")
        self.problems += [
            f"{task_id} is {states.get(task_id)}, it must be {wanted}"
            for task_id, wanted in expected_states(shape).items()
            if states.get(task_id) != wanted
        ]
        with contextlib.suppress(TooLateError):
            eventually("the end of user code", lambda: not self._left(), 15)
        self.problems += [f"{one.task_id} try {one.try_number} still runs as {one.pid}" for one in self._left()]
        receipts = [
            receipt
            for name, proxy in self.deployment.proxies.items()
            for receipt in proxy.receipts[self._receipts[name] :]
        ]
        journal = read_journal(
            self.deployment.database_url,
            [self.name],
            executions=self._executions(),
            receipts=receipts,
            samples=samples,
            witnessed=[self.name[0]],
        )
        self.problems += [*faults(journal), *self.deployment.died()]

    def _left(self) -> list[Execution]:
        return [one for one in self._executions() if one.is_there()]

    @contextlib.contextmanager
    def _sampling(self) -> Iterator[list[Sample]]:
        """Look at epochs and revisions until the block ends; a database that cannot be reached is left alone."""
        samples: list[Sample] = []
        stop = threading.Event()

        def look() -> None:
            while not stop.wait(_SAMPLE_SECONDS):
                with contextlib.suppress(psycopg.Error, sqlite3.Error):
                    samples.append(take_sample(self.deployment.database_url))

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield samples
        finally:
            stop.set()
            thread.join()

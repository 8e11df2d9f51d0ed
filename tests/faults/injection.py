"""Makes the faults of a plan happen to a deployment, and ends them."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Sequence

import psutil

from tests.e2e.api import ApiError
from tests.faults.deployments import Deployment, Later
from tests.faults.plans import OPERATIONS, Fault
from tests.faults.proxy import Garbling
from tests.journal.executions import Execution
from tests.journal.samples import take_sample
from tests.support.postgres import PostgresUnavailableError

_LEFTOVERS_SECONDS = 60.0


class Injector:
    """Injects faults, each ended or healed by itself after its time.

    Args:
        deployment: what they happen to.

    Attributes:
        happened: what was done, in words.
    """

    def __init__(self, deployment: Deployment) -> None:
        self.happened: list[str] = []
        self._deployment = deployment
        self._later = Later()

    def inject(self, fault: Fault, executions: Sequence[Execution]) -> bool:
        """Make one fault happen; False when there is nothing that it could happen to."""
        choice = random.Random(fault.choice)
        if fault.kind in {"kill", "stop"}:
            return self._hit(fault, executions, choice)
        if fault.kind == "clear":
            return self._clear(fault, executions, choice)
        proxy = self._deployment.proxies[fault.target]
        if fault.kind == "cut":
            proxy.cut()
        elif fault.kind == "swallow":
            proxy.swallow()
        elif fault.kind == "garble":
            proxy.garble(Garbling(doubled=0.4, late=0.5, longest=min(fault.seconds, 0.4), seed=fault.choice))
        else:
            proxy.lose_reply(*choice.sample(OPERATIONS, 2))
        if choice.random() < 0.5:
            proxy.turn()
        self._note(fault, fault.target)
        self._later.after(fault.seconds, proxy.mend)
        return True

    def heal(self) -> None:
        """Wait until every fault is over and what was killed runs again."""
        self._later.wait()

    def _clear(self, fault: Fault, executions: Sequence[Execution], choice: random.Random) -> bool:
        """Have somebody clear a task that has begun, and so what comes after it."""
        if not executions:
            return False
        one = choice.choice(executions)
        body = {"dag_run_id": one.run_id, "task_ids": [one.task_id], "only_failed": False, "dry_run": False}
        for api in self._deployment.apis:
            with contextlib.suppress(ApiError, OSError):
                api.post("dags", one.dag_id, "clearTaskInstances", body=body)
                self._note(fault, one.task_id)
                return True
        return False

    def _note(self, fault: Fault, what: str) -> None:
        self.happened.append(f"{fault.kind} {what} for {fault.seconds:.2f} s")

    def _hit(self, fault: Fault, executions: Sequence[Execution], choice: random.Random) -> bool:
        if fault.target == "database":
            return self._hit_database(fault)
        role = self._role(fault.target, choice)
        if role is not None:
            return self._hit_role(fault, role)
        process = self._process(fault.target, executions, choice)
        if process is None:
            return False
        self._note(fault, f"{fault.target} {process.pid}")
        with contextlib.suppress(psutil.NoSuchProcess):
            if fault.kind == "kill":
                process.kill()
            else:
                process.suspend()
                self._later.after(fault.seconds, lambda: _continue(process))
        return True

    def _role(self, target: str, choice: random.Random) -> str | None:
        """Name the role that is the target; the supervisor of a standalone is none."""
        deployment = self._deployment
        if target == "control plane":
            return "standalone"
        if target == "api server":
            return choice.choice(("api-1", "api-2"))
        if target == "scheduler":
            return self._leader()
        if target == "supervisor":
            name = choice.choice(sorted(deployment.supervisors()) or [""])
            return name if name in deployment.roles else None
        return None

    def _leader(self) -> str:
        """Find the scheduler that leads; either when nobody does."""
        leader = take_sample(self._deployment.database_url).leader
        pid = "" if leader is None else leader[0]
        names = ("scheduler-1", "scheduler-2")
        return next((name for name in names if str(self._deployment.pid(name)) in pid.split("-")), names[0])

    def _hit_role(self, fault: Fault, name: str) -> bool:
        deployment = self._deployment
        running = deployment.roles[name].running
        if running is None or not deployment.roles[name].wanted:
            return False
        self._note(fault, name)
        if fault.kind == "kill":
            deployment.kill(name)
            self._later.after(fault.seconds, lambda: deployment.start(name))
        else:
            os.kill(running.pid, signal.SIGSTOP)
            process = psutil.Process(running.pid)
            self._later.after(fault.seconds, lambda: _continue(process))
        return True

    def _hit_database(self, fault: Fault) -> bool:
        postgres = self._deployment.postgres
        assert postgres is not None
        if postgres.process is None:
            return False
        self._note(fault, "database")
        if fault.kind == "kill":
            postgres.kill()
            self._start_database()
            return True
        family = [psutil.Process(postgres.process.pid)]
        family += family[0].children(recursive=True)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        self._later.after(fault.seconds, lambda: _continue(*family))
        return True

    def _start_database(self) -> None:
        """Start it again; what is left of the killed one holds its memory until it has noticed, or goes on."""
        postgres = self._deployment.postgres
        assert postgres is not None
        until = time.monotonic() + _LEFTOVERS_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(PostgresUnavailableError):
                postgres.start()
                return
        postgres.start()

    def _process(self, target: str, executions: Sequence[Execution], choice: random.Random) -> psutil.Process | None:
        """Choose a process of a worker."""
        if target == "task":
            found = [psutil.Process(one.pid) for one in executions if one.is_there()]
        else:
            found = []
            for name, supervisor in self._deployment.supervisors().items():
                if target == "supervisor" and name in self._deployment.roles:
                    continue  # The choice has fallen on the one that `standalone` starts.
                with contextlib.suppress(psutil.NoSuchProcess):
                    found += _parts(supervisor, target, {one.pid for one in executions})
        return choice.choice(sorted(found, key=lambda process: process.pid)) if found else None


def _parts(supervisor: psutil.Process, target: str, tasks: set[int]) -> list[psutil.Process]:
    if target == "supervisor":
        return [supervisor]
    zygotes = [child for child in supervisor.children() if "tradewind.sdk.worker.zygote" in child.cmdline()]
    if target == "zygote":
        return zygotes
    forked = [child for zygote in zygotes for child in zygote.children()]
    return [one for one in forked if "tradewind.sdk.worker.zygote" in one.cmdline() and one.pid not in tasks]


def _continue(*processes: psutil.Process) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()

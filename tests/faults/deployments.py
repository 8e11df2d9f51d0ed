"""Whole deployments that many seeds share: processes that are started again when they were killed, as an init does."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.e2e.api import Api
from tests.e2e.processes import Running, eventually, program, survivors
from tests.e2e.system import System, free_port, read
from tests.faults.proxy import Address, Proxy
from tests.support.databases import create_database
from tests.support.postgres import Postgres, running_postgres

DAGS = Path(__file__).parent / "dags"
TOPOLOGIES = ("sqlite", "postgresql", "split")
NO_DATABASE = "Error: PostgreSQL:"
LEASE_SECONDS = 1.0
TAKEOVER_SECONDS = 2.0
SETTINGS: dict[str, object] = {
    "WORKERS__LEASE_SECONDS": LEASE_SECONDS,
    "WORKERS__RENEW_EVERY_SECONDS": 0.3,
    "WORKERS__TAKEOVER_AFTER_SECONDS": TAKEOVER_SECONDS,
    "SCHEDULER__LEASE_SECONDS": 1.0,
    "SCHEDULER__POLL_SECONDS": 0.5,
    "SCHEDULER__MAX_LOST_TRIES": 1000,
}
"""Everything that a fault is measured against, short enough for many of them."""


@dataclass
class Role:
    """One process of a deployment, by its command.

    Attributes:
        worker: whether it is a worker.
        running: its life at the moment.
        wanted: whether it has to live; not between a kill and the start that follows.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    worker: bool = False
    running: Running | None = None
    wanted: bool = True


@dataclass
class Deployment:
    """See the module; made by `deployed`."""

    topology: str
    system: System
    postgres: Postgres | None
    worker_states: Path
    worker_environment: dict[str, str]
    roles: dict[str, Role] = field(default_factory=dict)
    proxies: dict[str, Proxy] = field(default_factory=dict)
    apis: list[Api] = field(default_factory=list)
    closed: bool = False

    @property
    def database_url(self) -> str:
        return self.system.database_url

    def api(self) -> Api:
        """Return an API server that answers."""
        return eventually("an API server that answers", lambda: next((one for one in self.apis if one.answers()), None))

    def start(self, name: str) -> None:
        """Start a role, or start it again after it was killed."""
        role = self.roles[name]
        if role.running is not None:
            role.running.close()
        role.running = Running(role.command, role.environment, self.system.directory)
        role.wanted = True

    def kill(self, name: str) -> None:
        """End a role with SIGKILL; it stays away until it is started."""
        role = self.roles[name]
        role.wanted = False
        assert role.running is not None
        role.running.kill()

    def pid(self, name: str) -> int:
        """Return the process of a role."""
        running = self.roles[name].running
        assert running is not None
        return running.pid

    def supervisors(self) -> dict[str, psutil.Process]:
        """Find the workers' supervisors: those started here, and the one of `standalone`."""
        found = {
            name: psutil.Process(self.pid(name)) for name, role in self.roles.items() if role.worker and role.wanted
        }
        if "standalone" in self.roles and self.roles["standalone"].wanted:
            for child in psutil.Process(self.pid("standalone")).children():
                with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                    if "worker" in child.cmdline():
                        found["own"] = child
        return found

    def died(self) -> list[str]:
        """Name the roles that have ended though nobody killed them.

        Who cannot reach the database when it starts says so and ends, and is started again as an init would do it.
        """
        for role in self.roles.values():
            running = role.running
            if role.wanted and running is not None and running.process.poll() == 1 and NO_DATABASE in running.output:
                self.start(role.name)
        return [
            f"{role.name} ended by itself with {role.running.process.returncode}:\n{role.running.output[-3000:]}"
            for role in self.roles.values()
            if role.wanted and role.running is not None and role.running.process.poll() is not None
        ]

    def evidence(self) -> list[tuple[str, str]]:
        """Return what the processes have printed and logged."""
        printed = [(role.name, role.running.output[-20_000:]) for role in self.roles.values() if role.running]
        return [*printed, *self.system.evidence()]

    def close(self) -> list[str]:
        """End everything, once; what is left then is killed and named."""
        if self.closed:
            return []
        self.closed = True
        for proxy in self.proxies.values():
            proxy.mend()
        order = sorted(self.roles.values(), key=lambda role: not role.worker)
        for role in order:
            if role.running is not None and role.running.process.poll() is None:
                role.running.process.send_signal(signal.SIGCONT)
                role.running.process.send_signal(signal.SIGINT if role.worker else signal.SIGTERM)
        try:
            for role in order:
                if role.running is not None:
                    role.running.wait()
        finally:
            left = survivors()
            for role in order:
                if role.running is not None:
                    role.running.close()
            for proxy in self.proxies.values():
                proxy.close()
        return left


@contextlib.contextmanager
def deployed(
    topology: str,
    directory: Path,
    *,
    own_workers: int = 1,
    database_url: str | None = None,
    worker_states: Path | None = None,
    worker_environment: Mapping[str, str] | None = None,
    **settings: object,
) -> Iterator[Deployment]:
    """Start a deployment with its DAGs known; ended whatever happens, without a look at how.

    Args:
        topology: one of `TOPOLOGIES`.
        directory: its own.
        own_workers: workers that `standalone` has beside the one that is started here.
        database_url: another place for SQLite.
        worker_states: folder of the state directories of the workers that are started here.
        worker_environment: further variables of these workers.
        settings: further settings of the control plane, such as `LOGS__DIRECTORY`.
    """
    with contextlib.ExitStack() as stack:
        postgres = None if topology == "sqlite" else stack.enter_context(running_postgres())
        url = database_url if postgres is None else create_database(postgres.url)
        system = System(directory, url)
        system.add_dags("witness.py", *sorted(DAGS.glob("*.py")))
        for name, value in {**SETTINGS, **settings}.items():
            system.setting(name, value)
        states = worker_states or directory / "workers"
        deployment = Deployment(topology, system, postgres, states, dict(worker_environment or {}))
        try:
            if topology == "split":
                _start_split(deployment)
            else:
                _start_standalone(deployment, own_workers)
            yield deployment
        finally:
            deployment.close()


def _start_standalone(deployment: Deployment, own_workers: int) -> None:
    system, port = deployment.system, free_port()
    system.setting("API__PORT", str(port))
    command = [program("tradewind"), "standalone", "--workers", str(own_workers)]
    deployment.roles["standalone"] = Role("standalone", command, dict(system.environment))
    deployment.start("standalone")
    eventually("the start", lambda: (system.home / "api.url").exists() and (system.home / "admin.token").exists())
    deployment.apis.append(Api(f"http://127.0.0.1:{port}", read(system.home / "admin.token")))
    _add_worker(deployment, "remote", [("127.0.0.1", port)])


def _start_split(deployment: Deployment) -> None:
    system, ports = deployment.system, [free_port(), free_port()]
    system.setting("API__PUBLIC_URL", f"http://127.0.0.1:{ports[0]}")
    assert system.call([program("tradewind-server"), "db", "migrate"]).code == 0
    token = system.make_token("admin", "operator")
    server = program("tradewind-server")
    commands = {
        **{f"api-{number}": ["api-server", "--port", str(port)] for number, port in enumerate(ports, start=1)},
        "scheduler-1": ["scheduler"],
        "scheduler-2": ["scheduler"],
        "dag-processor": ["dag-processor"],
    }
    for name, words in commands.items():
        deployment.roles[name] = Role(name, [server, *words], dict(system.environment))
        deployment.start(name)
    deployment.apis += [Api(f"http://127.0.0.1:{port}", token) for port in ports]
    addresses = [("127.0.0.1", port) for port in ports]
    _add_worker(deployment, "first", addresses)
    _add_worker(deployment, "second", addresses[::-1])


def _add_worker(deployment: Deployment, name: str, backends: list[Address]) -> None:
    """Start a worker that reaches the API servers through a proxy of its own."""
    system = deployment.system
    proxy = deployment.proxies[name] = Proxy(backends)
    environment = {
        **{key: value for key, value in system.environment.items() if not key.startswith("TRADEWIND_")},
        **deployment.worker_environment,
        "TRADEWIND_API_URL": f"http://127.0.0.1:{proxy.port}",
        "TRADEWIND_API_TOKEN": system.make_token("worker", name),
        "TRADEWIND_WORKER_STATE_DIRECTORY": str(deployment.worker_states / name),
    }
    deployment.roles[name] = Role(name, [program("tradewind"), "worker"], environment, worker=True)
    deployment.start(name)


def wait_for_dags(deployment: Deployment, *dag_ids: str) -> None:
    """Wait until the DAGs are known and both workers are connected."""
    api = deployment.api()
    eventually("the DAGs", lambda: set(dag_ids) <= {dag["dag_id"] for dag in api.get("dags", limit=1000)["dags"]})
    eventually("the workers", lambda: len(api.get("workers")["workers"]) >= len(deployment.proxies))


class Later:
    """Work that is done after some time, in threads; whoever heals waits for all of it."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self.errors: list[BaseException] = []

    def after(self, seconds: float, work: Callable[[], object]) -> None:
        """Do something after so many seconds."""

        def run() -> None:
            time.sleep(seconds)
            try:
                work()
            except BaseException as error:  # noqa: BLE001  shown by whoever waits
                self.errors.append(error)

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def wait(self) -> None:
        """Wait until everything is done, and raise the first error of it."""
        for thread in self._threads:
            thread.join(60)
        if self.errors:
            raise self.errors[0]

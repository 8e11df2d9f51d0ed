"""Silence of the server is never held against a worker: no try is killed or made again for an outage."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.faults.conftest import Deployments
from tests.faults.deployments import LEASE_SECONDS, TAKEOVER_SECONDS, Deployment
from tests.faults.runs import begin
from tests.support.postgres import Postgres

SIZE = 12
"""Tasks of the DAG `crowd`."""
OUTAGE_SECONDS = LEASE_SECONDS + TAKEOVER_SECONDS + 1.5
Outage = Callable[[Deployment], None]


def kill(*names: str) -> Outage:
    """Kill processes, and start them again after the outage."""

    def work(deployment: Deployment) -> None:
        for name in names:
            deployment.kill(name)
        time.sleep(OUTAGE_SECONDS)
        for name in names:
            deployment.start(name)

    return work


def stop(*names: str) -> Outage:
    """Freeze processes for the outage."""

    def work(deployment: Deployment) -> None:
        pids = [deployment.pid(name) for name in names]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(OUTAGE_SECONDS)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)

    return work


def server_of(deployment: Deployment) -> Postgres:
    assert deployment.postgres is not None
    return deployment.postgres


def kill_database(deployment: Deployment) -> None:
    server_of(deployment).kill()
    time.sleep(OUTAGE_SECONDS)
    server_of(deployment).start()


def stop_database(deployment: Deployment) -> None:
    process = server_of(deployment).process
    assert process is not None
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in family:
        one.suspend()
    time.sleep(OUTAGE_SECONDS)
    for one in family:
        one.resume()


def cut_off(deployment: Deployment) -> None:
    """Keep everybody from everybody for longer than the lease, and for less than the takeover after it."""
    for proxy in deployment.proxies.values():
        proxy.cut()
    time.sleep(LEASE_SECONDS + TAKEOVER_SECONDS / 2)
    for proxy in deployment.proxies.values():
        proxy.mend()


OUTAGES: dict[str, tuple[str, Outage]] = {
    "control plane killed": ("sqlite", kill("standalone")),
    "control plane stopped": ("sqlite", stop("standalone")),
    "api servers killed": ("split", kill("api-1", "api-2")),
    "api servers stopped": ("split", stop("api-1", "api-2")),
    "schedulers killed": ("split", kill("scheduler-1", "scheduler-2")),
    "database killed": ("split", kill_database),
    "database stopped": ("split", stop_database),
    "workers cut off within the takeover": ("split", cut_off),
}


@pytest.mark.parametrize("name", OUTAGES)
def test_an_outage_costs_no_try(name: str, deployments: Deployments, tmp_path: Path) -> None:
    topology, outage = OUTAGES[name]
    deployment = deployments.get(topology, own_workers=0)
    run = begin(deployment, "crowd", tmp_path / "gate")
    began = run.wait_for_executions(SIZE)

    outage(deployment)
    assert all(one.is_there() for one in began)
    run.gate.touch()

    assert run.wait_for_end() == "success"
    assert {one["try_number"] for one in run.instances().values()} == {1}
    assert len(run.executions()) == SIZE
    assert run.faults() == []

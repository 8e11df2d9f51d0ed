"""A worker's wall clock may be wrong, and may step: nothing is lost, made again or recorded outside of its life."""

import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.faults.deployments import Deployment, deployed, wait_for_dags
from tests.faults.runs import Run, begin

pytestmark = pytest.mark.usefixtures("alone")

CLOCKS = Path(__file__).parent / "clocks"
SIZE = 12
"""Tasks of the DAG `crowd`."""
DAY = 86_400.0
TOKEN_SECONDS = 2.0


def moments(instance: dict[str, Any]) -> list[datetime]:
    names = ("scheduled_when", "queued_when", "start_date", "end_date")
    return [datetime.fromisoformat(instance[name]) for name in names]


def examine(run: Run) -> None:
    """Every try counts, and its moments are within its life on the server's clock."""
    assert run.wait_for_end() == "success"
    for instance in run.instances().values():
        assert instance["try_number"] == 1
        scheduled, queued, started, ended = moments(instance)
        assert scheduled <= queued <= min(started, ended), instance
        assert max(started, ended) <= datetime.now(UTC), instance
    assert len(run.executions()) == SIZE
    assert run.faults() == []


def clock_of_worker(deployment: Deployment) -> float:
    """Return how many seconds the clock is ahead by which the worker dates its newest line."""
    worker = deployment.roles["remote"].running
    assert worker is not None
    newest = datetime.fromisoformat(worker.output.splitlines()[-1].split()[0])
    return (newest - datetime.now(UTC)).total_seconds()


def with_wrong_clock(directory: Path, **clock: float) -> Any:
    environment = {"PYTHONPATH": str(CLOCKS), **{name: str(value) for name, value in clock.items()}}
    return deployed(
        "sqlite",
        directory,
        own_workers=0,
        worker_environment=environment,
        SECURITY__TOKEN_LIFETIME_SECONDS=TOKEN_SECONDS,
    )


def wait_past_the_tokens(deployment: Deployment, tmp_path: Path) -> Run:
    """Return a run whose tries outlive their first tokens and then leave a value."""
    wait_for_dags(deployment, "crowd")
    run = begin(deployment, "crowd", tmp_path / "gate", patience=2 * TOKEN_SECONDS)
    run.wait_for_executions(SIZE)
    return run


@pytest.mark.parametrize("ahead", [DAY, -DAY, 60.0], ids=["a day fast", "a day slow", "a minute fast"])
def test_a_clock_that_is_wrong_from_the_start_changes_nothing(ahead: float, tmp_path: Path) -> None:
    with with_wrong_clock(tmp_path / "system", WRONG_CLOCK_SECONDS=ahead) as deployment:
        run = wait_past_the_tokens(deployment, tmp_path)
        assert ahead - 60 < clock_of_worker(deployment) < ahead + 60
        run.gate.touch()
        examine(run)
        assert deployment.died() == []
        assert deployment.close() == []


@pytest.mark.parametrize("step", [DAY, -DAY], ids=["forwards", "backwards"])
def test_a_clock_that_steps_while_tries_run_changes_nothing(step: float, tmp_path: Path) -> None:
    with with_wrong_clock(tmp_path / "system", WRONG_CLOCK_STEP_SECONDS=step) as deployment:
        run = wait_past_the_tokens(deployment, tmp_path)
        os.kill(deployment.pid("remote"), signal.SIGUSR2)
        run.gate.touch()
        examine(run)
        examine(begin(deployment, "crowd", run.gate))
        deployment.proxies["remote"].cut()
        deployment.proxies["remote"].mend()
        worker = deployment.roles["remote"].running
        assert worker is not None
        worker.wait_for_line(lambda line: "no session" in line, "that it was cut off")
        assert step - 60 < clock_of_worker(deployment) < step + 60
        assert deployment.died() == []
        assert deployment.close() == []

"""A worker that was killed with outcomes in its spool comes back: they count while nobody else has taken over."""

from pathlib import Path

from tests.e2e.processes import eventually
from tests.faults.conftest import Deployments
from tests.faults.deployments import Deployment
from tests.faults.runs import Run, begin

SIZE = 12
"""Tasks of the DAG `crowd`."""


def spooled(deployment: Deployment, worker: str) -> bytes:
    folder = deployment.worker_states / worker
    return b"".join(path.read_bytes() for path in folder.rglob("*spool*") if path.is_file())


def dispatches_of(run: Run, worker: str) -> list[str]:
    """Return the dispatches that a worker has."""
    return [row["dispatch_id"] for row in run.journal().dispatches if row["worker"] == worker]


def wait_for_spool(deployment: Deployment, worker: str, dispatch_ids: list[str]) -> None:
    wanted = [one.encode() for one in dispatch_ids]
    eventually("the outcomes on disk", lambda: all(map(spooled(deployment, worker).__contains__, wanted)))


def test_outcomes_in_the_spool_of_a_killed_worker_count_when_it_comes_back(
    deployments: Deployments, tmp_path: Path
) -> None:
    deployment = deployments.get("sqlite", own_workers=0)
    run = begin(deployment, "crowd", tmp_path / "gate")
    run.wait_for_executions(SIZE)
    mine = dispatches_of(run, "remote")
    assert len(mine) == SIZE

    deployment.kill("standalone")
    run.gate.touch()
    wait_for_spool(deployment, "remote", mine)
    deployment.kill("remote")
    deployment.start("remote")
    deployment.start("standalone")

    assert run.wait_for_end() == "success"
    assert {one["try_number"] for one in run.instances().values()} == {1}
    assert len(run.executions()) == SIZE
    assert run.faults() == []


def test_outcomes_that_come_after_the_takeover_change_nothing(deployments: Deployments, tmp_path: Path) -> None:
    deployment = deployments.get("split", own_workers=0)
    run = begin(deployment, "crowd", tmp_path / "gate")
    run.wait_for_executions(SIZE)
    late = {name: dispatches_of(run, name) for name in deployment.proxies}
    away = max(late, key=lambda name: len(late[name]))

    deployment.proxies[away].cut()
    run.gate.touch()
    wait_for_spool(deployment, away, late[away])
    deployment.kill(away)
    assert run.wait_for_end() == "success"
    before = run.journal()

    deployment.proxies[away].mend()
    deployment.start(away)
    worker = deployment.roles[away].running
    assert worker is not None
    for dispatch_id in late[away]:
        worker.wait_for_line(lambda line, one=dispatch_id: one in line and "dispatch_ended" in line, "a refusal")  # type: ignore[misc]

    after = run.journal()
    assert after.events == before.events
    assert {one["try_number"] for one in run.instances().values()} <= {1, 2}
    assert len(run.executions()) == SIZE + len(late[away])
    assert run.faults() == []

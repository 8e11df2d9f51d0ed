"""A full disk stops nothing that does not need it, is named, loses nothing, and is forgotten when there is room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.api import ApiError
from tests.e2e.processes import eventually
from tests.faults.deployments import deployed, wait_for_dags
from tests.faults.disks import Disk, small_disk
from tests.faults.runs import Run, begin

pytestmark = pytest.mark.usefixtures("alone")

SIZE = 12
"""Tasks of the DAG `crowd`."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk") as made:
        yield made


def ended_at_the_first_try(run: Run) -> bool:
    return {one["try_number"] for one in run.instances().values()} == {1} and len(run.executions()) == SIZE


def test_a_database_without_room_refuses_work_and_goes_on_when_there_is_some(disk: Disk, tmp_path: Path) -> None:
    url = f"sqlite:///{disk.path / 'tradewind.db'}"
    with deployed("sqlite", tmp_path / "system", own_workers=0, database_url=url) as deployment:
        wait_for_dags(deployment, "crowd")
        run = begin(deployment, "crowd", tmp_path / "gate")
        run.wait_for_executions(SIZE)
        plane = deployment.pid("standalone")

        disk.fill(plane)
        refusal = eventually("a refusal", lambda: refused(deployment.apis[0], tmp_path))
        assert (refusal.status, refusal.problem["reason"]) == (429, "too_busy")
        assert "full" in refusal.problem["detail"] or "failing" in refusal.problem["detail"]
        run.gate.touch()
        eventually("the end of user code", lambda: not [one for one in run.executions() if one.is_there()])
        disk.free(plane)

        assert run.wait_for_end() == "success"
        assert ended_at_the_first_try(run)
        assert run.faults() == []
        assert deployment.died() == []
        assert deployment.close() == []


def refused(api: object, tmp_path: Path) -> ApiError | None:
    """Ask for a run, and return the refusal."""
    try:
        api.post("dags", "chaos_0", "dagRuns", body={"conf": {}, "logical_date": None})  # type: ignore[attr-defined]
    except ApiError as error:
        return error
    return None


def test_a_spool_without_room_delivers_what_it_has_in_memory(disk: Disk, tmp_path: Path) -> None:
    with deployed("sqlite", tmp_path / "system", own_workers=0, worker_states=disk.path) as deployment:
        wait_for_dags(deployment, "crowd")
        run = begin(deployment, "crowd", tmp_path / "gate")
        run.wait_for_executions(SIZE)
        worker = deployment.roles["remote"].running
        assert worker is not None

        disk.fill(worker.pid)
        deployment.proxies["remote"].cut()
        run.gate.touch()
        said = worker.wait_for_line(lambda line: "spool cannot be written" in line, "that the disk is full")
        assert "free disk space" in said
        deployment.proxies["remote"].mend()
        assert run.wait_for_end() == "success"
        disk.free(worker.pid)

        assert ended_at_the_first_try(run)
        assert begin(deployment, "crowd", run.gate).wait_for_end() == "success"
        worker.wait_for_line(lambda line: "spool can be written again" in line, "that there is room")
        assert run.faults() == []
        assert deployment.died() == []
        assert deployment.close() == []


def test_a_log_store_without_room_costs_no_try_and_no_line(disk: Disk, tmp_path: Path) -> None:
    logs = str(disk.path / "logs")
    with deployed("sqlite", tmp_path / "system", own_workers=0, LOGS__DIRECTORY=logs) as deployment:
        wait_for_dags(deployment, "crowd", "chaos_0")
        run = begin(deployment, "crowd", tmp_path / "gate")
        run.wait_for_executions(SIZE)
        plane = deployment.pid("standalone")

        disk.fill(plane)
        run.gate.touch()
        eventually("the end of user code", lambda: not [one for one in run.executions() if one.is_there()])
        disk.free(plane)

        assert run.wait_for_end() == "success"
        assert ended_at_the_first_try(run)
        path = ("dags", "crowd", "dagRuns", run.run_id, "taskInstances", "waits_3", "logs", "1")
        eventually("the whole log", lambda: "passed the gate" in str(deployment.apis[0].get(*path)))
        assert run.faults() == []
        assert deployment.close() == []

"""Clearing, marking and cancelling while user code runs: its process ends, and never do two of a task run at once."""

from pathlib import Path

import psutil
import pytest

from tests.e2e.processes import eventually
from tests.e2e.system import System, free_port
from tests.e2e.test_faults import start_worker, tries, wait_for_try, worker_process

GATED = ("dags", "gated", "dagRuns")


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


def running(system: System, marks: Path, gate: Path) -> tuple[str, dict[str, int]]:
    """A run whose two middle tasks wait for the gate, and their processes."""
    run_id = system.trigger("gated", {"journal": str(marks), "gate": str(gate)})
    return run_id, {side: wait_for_try(marks, side, 1) for side in ("left", "right")}


def clear(system: System, run_id: str, *task_ids: str) -> None:
    body = {"dag_run_id": run_id, "task_ids": list(task_ids), "only_failed": False, "dry_run": False}
    system.api.post("dags", "gated", "clearTaskInstances", body=body)


def test_a_cleared_try_is_killed_before_the_next_one_starts(system: System, marks: Path, gate: Path) -> None:
    system.add_dags("gated.py")
    system.standalone()
    run_id, old = running(system, marks, gate)
    clear(system, run_id, "left")
    wait_for_try(marks, "left", 2)
    assert not psutil.pid_exists(old["left"])
    assert psutil.pid_exists(old["right"])
    gate.touch()
    assert system.wait_for_end("gated", run_id) == "success"
    assert sorted(tries(marks)) == [["first", "1"], ["last", "1"], ["left", "1"], ["left", "2"], ["right", "1"]]
    history = system.api.get(*GATED, run_id, "taskInstances", "left", "tries")["task_instances"]
    assert [one["state"] for one in history] == ["stopped", "success"]


def test_a_try_that_is_cleared_again_and_again_runs_once_more_in_the_end(
    system: System, marks: Path, gate: Path
) -> None:
    system.add_dags("gated.py")
    system.standalone()
    run_id, _ = running(system, marks, gate)
    for number in (2, 3, 4):
        clear(system, run_id, "left", "right")
        for side in ("left", "right"):
            wait_for_try(marks, side, number)
    gate.touch()
    assert system.wait_for_end("gated", run_id) == "success"


def test_a_cancelled_run_ends_with_its_processes(system: System, marks: Path, gate: Path) -> None:
    system.add_dags("gated.py")
    system.standalone()
    run_id, old = running(system, marks, gate)
    system.api.post(*GATED, run_id, "cancel", body={})
    assert system.wait_for_end("gated", run_id) == "failed"
    assert system.states("gated", run_id) == {
        "first": "success",
        "left": "failed",
        "right": "failed",
        "last": "skipped",
    }
    eventually("the end of the processes", lambda: not any(map(psutil.pid_exists, old.values())))


def test_a_marked_try_is_killed_and_its_run_goes_on(system: System, marks: Path, gate: Path) -> None:
    system.add_dags("gated.py")
    system.standalone()
    run_id, old = running(system, marks, gate)
    system.api.patch(*GATED, run_id, "taskInstances", "left", body={"new_state": "failed"})
    eventually("the end of the process", lambda: not psutil.pid_exists(old["left"]))
    gate.touch()
    assert system.wait_for_end("gated", run_id) == "failed"
    assert system.states("gated", run_id)["last"] == "upstream_failed"


def test_a_try_is_cleared_while_its_worker_dies(system: System, marks: Path, gate: Path) -> None:
    system.add_dags("gated.py")
    standalone = system.standalone()
    run_id, old = running(system, marks, gate)
    worker_process(standalone).suspend()
    clear(system, run_id, "left")
    worker_process(standalone).kill()
    wait_for_try(marks, "left", 2)
    wait_for_try(marks, "right", 2)
    assert not any(map(psutil.pid_exists, old.values()))
    gate.touch()
    assert system.wait_for_end("gated", run_id) == "success"


def test_a_try_is_cleared_while_its_worker_is_cut_off(system: System, marks: Path, gate: Path) -> None:
    system.add_dags("gated.py")
    system.setting("API__PORT", str(free_port()))
    standalone = system.standalone(port=None, workers=0)
    worker = start_worker(system)
    run_id, old = running(system, marks, gate)
    psutil.Process(worker.pid).suspend()
    clear(system, run_id, "left")
    instance = system.wait_for_state("gated", run_id, "left", "scheduled")
    assert instance["reason"]["reason"] == "waiting_for_old_try"
    assert psutil.pid_exists(old["left"])
    assert standalone.process.poll() is None
    psutil.Process(worker.pid).resume()
    wait_for_try(marks, "left", 2)
    assert not psutil.pid_exists(old["left"])
    gate.touch()
    assert system.wait_for_end("gated", run_id) == "success"

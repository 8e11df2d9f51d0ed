"""Processes are killed with SIGKILL in the middle of a run: it ends in success, and nothing counts twice."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.e2e.flights import EXAMPLES, facts
from tests.e2e.processes import Running, eventually, program
from tests.e2e.system import System, free_port
from tests.e2e.test_examples import loaded
from tests.journal.records import read_journal

Kill = Callable[[System, Running], None]


def kill_worker(system: System, standalone: Running) -> None:
    """Kill the worker; `standalone` has to notice and to start another."""
    worker_process(standalone).kill()


def kill_control_plane(system: System, standalone: Running) -> None:
    """Kill the control plane, whose worker then ends by itself, and start it again."""
    worker = worker_process(standalone)
    standalone.kill()
    eventually("the end of the worker", lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    system.standalone()


def worker_process(standalone: Running) -> psutil.Process:
    """Find the supervisor among the processes of a standalone."""
    (found,) = (
        child
        for child in psutil.Process(standalone.pid).children()
        if child.cmdline()[1:4] == ["-m", "tradewind.sdk", "worker"]
    )
    return found


@pytest.fixture(params=[kill_worker, kill_control_plane], ids=["worker", "control plane"])
def kill(request: pytest.FixtureRequest) -> Kill:
    found: Kill = request.param
    return found


def test_the_etl_ends_in_success_after_a_kill(system: System, kill: Kill, tmp_path: Path) -> None:
    database = tmp_path / "flights.sqlite"
    system.add_dags(EXAMPLES)
    standalone = system.standalone()
    run_id = system.trigger("etl_flights", {"database": str(database)})
    system.wait_for_state("etl_flights", run_id, "validate", "running")

    kill(system, standalone)

    assert system.wait_for_end("etl_flights", run_id) == "success"
    journal = read_journal(system.database_url)
    assert "lose" in journal.story("etl_flights", run_id, "validate")
    for task_id in journal.instances_of("etl_flights", run_id):
        assert Counter(journal.story("etl_flights", run_id, task_id))["succeed"] == 1
    assert loaded(database, run_id) == facts().delays


def test_user_code_that_was_cut_runs_again_and_what_had_ended_does_not(
    system: System, kill: Kill, tmp_path: Path
) -> None:
    marks, gate = tmp_path / "journal", tmp_path / "gate"
    system.add_dags("gated.py")
    standalone = system.standalone()
    run_id = system.trigger("gated", {"journal": str(marks), "gate": str(gate)})
    cut = {side: wait_for_try(marks, side, 1) for side in ("left", "right")}

    kill(system, standalone)
    for side, pid in cut.items():
        wait_for_try(marks, side, 2)
        assert not psutil.pid_exists(pid), f"{side} was started again while its first try was alive"
    gate.touch()

    assert system.wait_for_end("gated", run_id) == "success"
    assert sorted(tries(marks)) == [
        ["first", "1"],
        ["last", "1"],
        ["left", "1"],
        ["left", "2"],
        ["right", "1"],
        ["right", "2"],
    ]
    journal = read_journal(system.database_url)
    assert journal.xcoms("gated", run_id)["last", "return_value"] == 11
    pks = {journal.instances_of("gated", run_id)[side]["pk"] for side in cut}
    first = [one for one in journal.tries if one["try_number"] == 1 and one["instance_pk"] in pks]
    assert [one["state"] for one in first] == ["lost", "lost"]


ONE_TRY_EACH = [["first", "1"], ["last", "1"], ["left", "1"], ["right", "1"]]


def start_worker(system: System) -> Running:
    """Start a worker by hand, with a state directory that it has again when it is started again."""
    environment = {**system.environment, "TRADEWIND_WORKER_STATE_DIRECTORY": str(system.directory / "worker")}
    return system.start([program("tradewind"), "worker"], environment)


def test_a_worker_elsewhere_goes_on_while_the_control_plane_is_dead(system: System, tmp_path: Path) -> None:
    marks, gate = tmp_path / "journal", tmp_path / "gate"
    system.add_dags("gated.py")
    system.setting("API__PORT", str(free_port()))
    standalone = system.standalone(port=None, workers=0)
    worker = start_worker(system)
    run_id = system.trigger("gated", {"journal": str(marks), "gate": str(gate)})
    for side in ("left", "right"):
        wait_for_try(marks, side, 1)

    standalone.kill()
    gate.touch()
    system.standalone(port=None, workers=0)

    assert system.wait_for_end("gated", run_id) == "success"
    assert sorted(tries(marks)) == ONE_TRY_EACH
    assert worker.stop() == 0


def test_an_outcome_that_nobody_could_be_told_survives_the_end_of_its_worker(system: System, tmp_path: Path) -> None:
    marks, gate = tmp_path / "journal", tmp_path / "gate"
    system.add_dags("gated.py")
    system.setting("API__PORT", str(free_port()))
    standalone = system.standalone(port=None, workers=0)
    worker = start_worker(system)
    run_id = system.trigger("gated", {"journal": str(marks), "gate": str(gate)})
    for side in ("left", "right"):
        wait_for_try(marks, side, 1)
    instances = read_journal(system.database_url).instances_of("gated", run_id)
    waiting = [instances[side]["dispatch_id"].encode() for side in ("left", "right")]

    standalone.kill()
    gate.touch()
    kept = system.directory / "worker"
    eventually("the outcomes on disk", lambda: all(map(b"".join(contents(kept, "*spool*")).__contains__, waiting)))
    worker.kill()
    system.standalone(port=None, workers=0)
    start_worker(system)

    assert system.wait_for_end("gated", run_id) == "success"
    assert sorted(tries(marks)) == ONE_TRY_EACH


def test_tries_go_on_when_what_forked_them_is_killed(sqlite_system: System, tmp_path: Path) -> None:
    system, marks, gate = sqlite_system, tmp_path / "journal", tmp_path / "gate"
    system.add_dags("gated.py")
    standalone = system.standalone()
    run_id = system.trigger("gated", {"journal": str(marks), "gate": str(gate)})
    running = {wait_for_try(marks, side, 1) for side in ("left", "right")}

    forkers = [child for child in worker_process(standalone).children(recursive=True) if child.pid not in running]
    assert forkers, "a zygote and a warm parent were expected"
    for process in forkers:
        process.kill()
    gate.touch()

    assert system.wait_for_end("gated", run_id) == "success"
    assert sorted(tries(marks)) == ONE_TRY_EACH


def contents(folder: Path, pattern: str) -> list[bytes]:
    """Return what the files below a folder hold whose names fit."""
    return [path.read_bytes() for path in folder.rglob(pattern) if path.is_file()]


def tries(marks: Path) -> list[list[str]]:
    """Return task id and try number of each start of user code so far."""
    return [line.split()[:2] for line in marks.read_text().splitlines()] if marks.exists() else []


def wait_for_try(marks: Path, task_id: str, number: int) -> int:
    """Wait until user code of a try runs, and return its process."""
    eventually(f"try {number} of {task_id}", lambda: [task_id, str(number)] in tries(marks))
    start = f"{task_id} {number} "
    (pid,) = (int(line.split()[2]) for line in marks.read_text().splitlines() if line.startswith(start))
    return pid

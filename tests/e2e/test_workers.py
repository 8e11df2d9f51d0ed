"""Workers as people meet them: isolation, killed processes, drain, and logs that are followed meanwhile."""

import os
import signal
from pathlib import Path
from typing import Any

from tests.e2e.processes import Running, eventually, program
from tests.e2e.system import System, free_port


def start(system: System, folder: Path) -> str:
    """Start a run whose tasks wait at a gate."""
    system.add_dags("isolated.py")
    return system.trigger("isolated", {"folder": str(folder)})


def pid_of(folder: Path, task_id: str, number: int) -> int:
    """Wait until user code of a try runs, and return its process."""
    file = folder / f"{task_id}.{number}"
    found: str = eventually(f"try {number} of {task_id}", lambda: file.read_text() if file.exists() else None)
    return int(found)


def follow(system: System, task_id: str, run_id: str, *options: str) -> Running:
    """Start to follow the log of a task."""
    return system.start([program("tradewind"), "tasks", "logs", "isolated", task_id, run_id, "--follow", *options])


def workers(system: System) -> list[dict[str, Any]]:
    """Return the workers that the server knows."""
    found: list[dict[str, Any]] = system.api.get("workers")["workers"]
    return found


def offers_nothing(worker: dict[str, Any]) -> bool:
    """Tell whether a worker takes no more work."""
    return not any(worker["capacity"].values())


def says(running: Running, text: str) -> None:
    """Wait until a process has printed something."""
    eventually(f"{text!r} in the output", lambda: text in running.output)


def test_a_process_that_is_killed_in_a_try_is_replaced_whatever_the_isolation(
    sqlite_system: System, tmp_path: Path
) -> None:
    system = sqlite_system
    system.standalone()
    run_id = start(system, tmp_path)
    first = {isolation: pid_of(tmp_path, isolation, 1) for isolation in ("fork", "spawn", "reuse")}
    for pid in first.values():
        os.kill(pid, signal.SIGKILL)
    second = {isolation: pid_of(tmp_path, isolation, 2) for isolation in first}
    (tmp_path / "gate").touch()

    assert system.wait_for_end("isolated", run_id) == "success"
    assert not set(first.values()) & set(second.values())
    tries = system.api.get("dags", "isolated", "dagRuns", run_id, "taskInstances", "reuse", "tries")["task_instances"]
    assert [one["state"] for one in tries] == ["failed", "success"]
    assert tries[0]["error"]["type"] == "ProcessKilled"


def test_a_drained_worker_ends_after_its_tries_and_another_one_takes_what_is_left(
    sqlite_system: System, tmp_path: Path
) -> None:
    system = sqlite_system
    system.standalone(workers=0)
    token = {"TRADEWIND_API_TOKEN": system.make_token("worker", "first"), "TRADEWIND_API_URL": system.api.url}
    worker = system.start(
        [program("tradewind"), "worker", "--state-directory", str(tmp_path / "first")], {**system.environment, **token}
    )
    run_id = start(system, tmp_path)
    for isolation in ("fork", "spawn", "reuse"):
        pid_of(tmp_path, isolation, 1)

    answer = system.tradewind("workers", "drain", "first", "--message", "maintenance")
    assert answer.code == 0, answer.output
    state = eventually("the end of its offer", lambda: next(filter(offers_nothing, workers(system)), None))
    assert (state["state"], state["drain_reason"]) == ("draining", "maintenance")
    assert "draining" in system.tradewind("workers", "list").output
    worker.must_live()
    (tmp_path / "gate").touch()
    assert worker.wait() == 0
    assert set(system.states("isolated", run_id).values()) <= {"success", "scheduled", "none", None}
    assert system.states("isolated", run_id)["fork"] == "success"

    system.start(
        [program("tradewind"), "worker", "--state-directory", str(tmp_path / "first")], {**system.environment, **token}
    )
    assert system.wait_for_end("isolated", run_id) == "success"


def test_a_worker_that_gets_sigterm_lets_its_tries_end(sqlite_system: System, tmp_path: Path) -> None:
    system = sqlite_system
    system.standalone(workers=0)
    worker = system.start([program("tradewind"), "worker", "--state-directory", str(tmp_path / "state")])
    run_id = start(system, tmp_path)
    pid_of(tmp_path, "fork", 1)
    worker.process.send_signal(signal.SIGTERM)
    eventually("no capacity", lambda: workers(system)[0]["state"] == "draining")
    (tmp_path / "gate").touch()
    assert worker.wait() == 0
    assert system.states("isolated", run_id)["fork"] == "success"


def test_a_followed_log_waits_for_its_task_and_ends_with_it(sqlite_system: System, tmp_path: Path) -> None:
    system = sqlite_system
    system.standalone(workers=0)
    # It takes parses alone.
    system.start([program("tradewind"), "worker", "--capacity", "0", "--state-directory", str(tmp_path / "parses")])
    run_id = start(system, tmp_path)
    following = follow(system, "fork", run_id)
    says(following, "fork is scheduled: ")
    system.start([program("tradewind"), "worker", "--state-directory", str(tmp_path / "state")])
    says(following, "waiting")
    (tmp_path / "gate").touch()
    assert following.wait() == 0
    assert "done" in following.output
    assert following.output.rstrip().endswith("fork, try 1: success")
    assert "\x1b" not in following.output


def test_a_followed_log_survives_a_restart_of_the_server(sqlite_system: System, tmp_path: Path) -> None:
    system = sqlite_system
    system.setting("API__PORT", str(free_port()))
    standalone = system.standalone(port=None, workers=0)
    system.start([program("tradewind"), "worker", "--state-directory", str(tmp_path / "state")])
    run_id = start(system, tmp_path)
    following = follow(system, "reuse", run_id)
    says(following, "waiting")
    standalone.kill()
    says(following, "the server is away")
    (tmp_path / "gate").touch()
    system.standalone(port=None, workers=0)
    assert following.wait() == 0
    lines = [line.split()[-1] for line in following.output.splitlines() if " stdout " in line]
    assert lines == ["waiting", "done"]
    assert system.wait_for_end("isolated", run_id) == "success"


def test_a_process_is_reused_by_what_follows(sqlite_system: System, tmp_path: Path) -> None:
    system = sqlite_system
    system.standalone()
    run_id = start(system, tmp_path)
    pid = pid_of(tmp_path, "reuse", 1)
    (tmp_path / "gate").touch()
    assert system.wait_for_end("isolated", run_id) == "success"
    assert system.instances("isolated", run_id)["after_reuse"]["pid"] == pid

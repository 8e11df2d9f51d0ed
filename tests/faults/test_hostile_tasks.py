"""Tasks that misbehave hurt themselves alone: their state is clear, their processes are gone, their worker goes on."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.processes import eventually
from tests.faults.deployments import Deployment, deployed, wait_for_dags
from tests.faults.runs import Run, begin

HOSTILE = Path(__file__).parent / "hostile"
LINE_BYTES = 100 * 1024 * 1024
MOST_BYTES = 250 * 1024 * 1024
"""As much as a supervisor may hold while a task prints a line of 100 MB; in rest it holds about 60 MB."""
ENDS = {
    "prints_one_line": ("success", ""),
    "leaves_a_daemon": ("success", ""),
    "returns_no_value": ("failed", "object"),
    "returns_too_much": ("failed", "bytes"),
    "closes_everything": ("failed", ""),
    "leaves_without_a_word": ("failed", ""),
    "is_healthy": ("success", ""),
}


@pytest.fixture(scope="module")
def deployment(alone: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    directory = tmp_path_factory.mktemp("hostile")
    with deployed("sqlite", directory, own_workers=0) as made:
        made.system.add_dags(HOSTILE / "tasks.py")
        wait_for_dags(made, "hostile", "deaf", "crowd")
        yield made
        assert made.died() == []
        assert made.close() == []


@pytest.fixture(scope="module")
def ended(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, int]:
    """Return a run in which every task has misbehaved, and the most memory that the supervisor had meanwhile."""
    folder = tmp_path_factory.mktemp("folder")
    run = begin(deployment, "hostile", folder / "gate", folder=str(folder))
    supervisor = psutil.Process(deployment.pid("remote"))
    most = 0

    def over() -> bool:
        nonlocal most
        most = max(most, supervisor.memory_info().rss)
        return str(deployment.apis[0].get("dags", "hostile", "dagRuns", run.run_id)["state"]) == "failed"

    eventually("the end", over, 90)
    return run, most


@pytest.mark.parametrize("task_id", ENDS)
def test_a_task_that_misbehaves_ends_in_a_clear_state(ended: tuple[Run, int], task_id: str) -> None:
    instance = ended[0].instances()[task_id]
    state, word = ENDS[task_id]
    assert instance["state"] == state, instance
    if state == "failed":
        assert word in instance["error"]["message"], instance["error"]
        assert instance["error"]["type"]


def test_what_they_leave_is_a_lawful_history(ended: tuple[Run, int]) -> None:
    assert ended[0].faults() == []


def test_a_process_that_a_task_has_hidden_ends_with_its_try(ended: tuple[Run, int]) -> None:
    (marker,) = ended[0].gate.parent.glob("daemon")
    assert not psutil.pid_exists(int(marker.read_text()))


def test_a_line_of_100_megabytes_is_kept_whole_in_pieces_and_fills_no_memory(ended: tuple[Run, int]) -> None:
    run, most = ended
    folder = run.deployment.system.home / "logs" / "hostile" / run.run_id / "prints_one_line"
    text = b"".join(path.read_bytes() for path in sorted(folder.rglob("*.jsonl")))
    assert text.count(b"x") >= LINE_BYTES
    assert b"the end of the line" in text
    assert most < MOST_BYTES


def test_a_cancelled_task_that_ignores_sigterm_is_killed(deployment: Deployment, tmp_path: Path) -> None:
    run = begin(deployment, "deaf", tmp_path / "gate", folder=str(tmp_path))
    marker = tmp_path / "deaf"
    pid = int(eventually("its process", lambda: marker.read_text() if marker.exists() else None))
    deployment.apis[0].post("dags", "deaf", "dagRuns", run.run_id, "cancel", body={})
    eventually("its end", lambda: not psutil.pid_exists(pid), 15)
    assert run.wait_for_end() == "failed"
    assert run.faults() == []


def test_the_worker_has_as_much_room_as_before(deployment: Deployment, ended: tuple[Run, int], tmp_path: Path) -> None:
    run = begin(deployment, "crowd", tmp_path / "gate")
    run.wait_for_executions(12)
    run.gate.touch()
    assert run.wait_for_end() == "success"

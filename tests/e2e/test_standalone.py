"""One command starts everything, keeps to itself what it leaves in its home, and ends when asked to."""

import signal
import stat

from tests.e2e.flights import EXAMPLES
from tests.e2e.processes import eventually
from tests.e2e.system import System

SMALL = """
from tradewind.sdk import DAG
from tradewind.sdk.standard.operators.empty import EmptyOperator

with DAG(dag_id="{dag_id}", description="{description}"):
    EmptyOperator(task_id="only")
"""


def test_once_shows_progress_and_stays_until_ctrl_c(sqlite_system: System) -> None:
    sqlite_system.add_dags(EXAMPLES)
    running = sqlite_system.standalone("--once", "etl_flights")

    running.wait_for_line(lambda line: line.startswith("run ") and line.endswith(": success"), "the end of the run")
    running.wait_for_line(lambda line: "Ctrl-C" in line, "how to stop")

    progress = [line.split() for line in running.lines]
    for task_id in ("extract", "validate", "delays_by_carrier", "delays_by_route", "delays_by_hour", "load", "report"):
        assert any(words[:2] == ["success", task_id] for words in progress), running.output
    (run,) = sqlite_system.api.get("dags", "etl_flights", "dagRuns")["dag_runs"]
    assert run["state"] == "success"
    assert running.stop(signal.SIGINT) == 0


def test_once_with_an_unknown_dag_says_so(sqlite_system: System) -> None:
    sqlite_system.add_dags("outcomes.py")
    (sqlite_system.dags / "outcomes.py").write_text("from tradewind.sdk import DAG\nraise ValueError('never a DAG')\n")
    running = sqlite_system.standalone("--once", "fails")
    line = running.wait_for_line(lambda line: "fails did not appear" in line, "that the DAG is absent")
    assert "never a DAG" in line
    assert running.stop(signal.SIGINT) == 1


def test_once_runs_a_dag_that_came_while_nothing_ran(sqlite_system: System) -> None:
    (sqlite_system.dags / "old.py").write_text(SMALL.format(dag_id="old", description="known already"))
    running = sqlite_system.standalone()
    sqlite_system.wait_for_dag("old")
    assert running.stop() == 0

    (sqlite_system.dags / "new.py").write_text(SMALL.format(dag_id="new", description="nobody has parsed this"))
    running = sqlite_system.standalone("--once", "new")

    running.wait_for_line(lambda line: line.startswith("run ") and line.endswith(": success"), "the end of the run")


def test_a_home_without_anything_gets_a_folder_for_dag_files(sqlite_system: System) -> None:
    sqlite_system.home.rmdir()
    del sqlite_system.environment["TRADEWIND__DAGS__FOLDER"]
    running = sqlite_system.standalone()

    (sqlite_system.home / "dags" / "small.py").write_text(SMALL.format(dag_id="small", description="the first"))

    sqlite_system.wait_for_dag("small")
    assert running.stop(signal.SIGINT) == 0
    assert "ERROR" not in running.output


def test_what_it_leaves_is_readable_by_its_user_alone(sqlite_system: System) -> None:
    running = sqlite_system.standalone()
    for name in ("api.url", "admin.token", "worker.token", "secret.key"):
        assert stat.S_IMODE((sqlite_system.home / name).stat().st_mode) == 0o600, name
    assert running.stop(signal.SIGINT) == 0


def test_a_second_control_plane_on_the_same_sqlite_is_refused(sqlite_system: System) -> None:
    sqlite_system.standalone()
    answer = sqlite_system.tradewind("standalone", "--port", "0")
    assert answer.code == 1
    assert "PostgreSQL" in answer.output
    assert sqlite_system.api.answers()


def test_files_that_come_change_and_go_are_followed(system: System) -> None:
    system.standalone()
    path = system.dags / "small.py"

    path.write_text(SMALL.format(dag_id="small", description="as it was"))
    assert system.wait_for_dag("small")["description"] == "as it was"

    path.write_text(SMALL.format(dag_id="small", description="as it is"))
    eventually("the change", lambda: system.wait_for_dag("small")["description"] == "as it is")
    run_id = system.trigger("small")
    assert system.wait_for_end("small", run_id) == "success"

    path.unlink()
    eventually("the end of the DAG", lambda: not system.listed_dags())
    assert system.run("small", run_id)["state"] == "success"

"""Secrets and XComs of a whole system, kept in other ways than the control plane's."""

from tests.e2e.system import System
from tests.e2e.test_docs import ROOT, write_files

SECRETS = """
from tradewind.sdk import BaseHook, Connection, Variable, dag, task
from tradewind.sdk.standard.operators.bash import BashOperator


@dag(variables=["declared"], connections=["declared"])
def own_secrets():
    @task
    def read():
        assert Variable.get("declared") == "of the server", "what is pushed comes first"
        assert Variable.get("site") == "north-of-here"
        assert Connection.get("folder").get_hook().get_path() == "/srv/in"
        assert BaseHook.get_connection("folder").conn_type == "fs"
        print("it is", Variable.get("site"))

    shown = BashOperator(
        task_id="shown",
        bash_command="echo {{ var.value.site }} {{ var.json.numbers[1] }} {{ conn.folder.extra_dejson.path }}"
        " {{ var.value.get('none', 'default') }}; env | grep -c '^TRADEWIND_[VC][AO]' || true",
    )
    read() >> shown


own_secrets()
"""


def test_secrets_of_the_workers_environment_reach_tasks_when_they_ask(sqlite_system: System) -> None:
    system = sqlite_system
    system.environment |= {
        "TRADEWIND_VAR_SITE": "north-of-here",
        "TRADEWIND_VAR_DECLARED": "of the worker",
        "TRADEWIND_VAR_NUMBERS": "[1, 22]",
        "TRADEWIND_CONN_FOLDER": '{"conn_type": "fs", "extra": {"path": "/srv/in"}}',
    }
    (system.dags / "own_secrets.py").write_text(SECRETS, encoding="utf-8")
    system.standalone()
    system.api.post("variables", body={"key": "declared", "value": "of the server"})
    run_id = system.trigger("own_secrets")
    assert system.wait_for_end("own_secrets", run_id) == "success"
    log = system.tradewind("tasks", "logs", "own_secrets", "read", run_id).output
    assert "it is ***" in log
    assert "north-of-here" not in log
    shown = system.tradewind("tasks", "logs", "own_secrets", "shown", run_id).output
    assert "north-of-here" not in shown
    assert "default" in shown
    assert "\n0" in shown or " 0" in shown, "the environment of a task has none of them"


def test_a_back_end_of_the_guide_keeps_values_in_files(sqlite_system: System) -> None:
    system = sqlite_system
    write_files(ROOT / "docs" / "guide" / "xcoms.md", system.directory)
    backend = system.dags / "acme" / "xcoms.py"
    kept = system.directory / "kept"
    backend.write_text(backend.read_text(encoding="utf-8").replace("/srv/xcoms", str(kept)), encoding="utf-8")
    system.environment["TRADEWIND_WORKER_XCOM_BACKEND"] = "acme.xcoms:FileXCom"
    system.standalone()
    run_id = system.trigger("xcoms")
    assert system.wait_for_end("xcoms", run_id) == "success"
    files = [path.read_text(encoding="utf-8") for path in kept.rglob("*.json")]
    assert len(files) == 3
    assert sum('"decimal"' in text for text in files) == 1

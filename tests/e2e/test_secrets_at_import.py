"""DAG files that read variables and connections at their top, as those of Airflow do, in a whole system."""

import pytest

from tests.e2e.processes import eventually
from tests.e2e.system import System
from tests.e2e.test_import_errors import import_errors

TOP = """
from tradewind.sdk import DAG, BaseHook, Variable, task

SITE = Variable.get("site")
STEPS = Variable.get("steps", deserialize_json=True)
FALLBACK = Variable.get("nowhere", default_var="fallback")

with DAG("top", tags=[BaseHook.get_connection("shop").host]):
    for step in STEPS:

        @task(task_id=step, isolation="reuse" if step == "reused" else "fork")
        def work():
            print("at", SITE, "and", FALLBACK)
            return [SITE, len(STEPS)]

        work()
"""

TELLS = """
from tradewind.sdk import Variable
raise ValueError("No DAG at " + Variable.get("site"))
"""

WRITES = """
from tradewind.sdk import Variable
Variable.set("dag", "1")
"""


def declined(system: System, run_id: str, task_id: str) -> bool:
    log = system.tradewind("tasks", "logs", "top", task_id, run_id).output
    assert "at *** and fallback" in log, log
    return "No warm start for this file: The import of top.py reads variable 'site'" in log


def test_the_top_of_a_file_reads_at_its_parse_and_again_in_each_try(sqlite_system: System) -> None:
    system = sqlite_system
    system.environment |= {"TRADEWIND_VAR_SITE": "north-of-here"}
    system.standalone()
    system.api.post("variables", body={"key": "steps", "value": '["load", "reused"]'})
    shop = {"connection_id": "shop", "conn_type": "http", "host": "shop.example", "password": "s3cr3t"}
    system.api.post("connections", body=shop)
    for name, text in (("top.py", TOP), ("tells.py", TELLS), ("writes.py", WRITES)):
        (system.dags / name).write_text(text)
    assert system.wait_for_dag("top")["tags"][0]["name"] == "shop.example"

    run_id = system.trigger("top")
    assert system.wait_for_end("top", run_id) == "success"
    assert system.states("top", run_id) == {"load": "success", "reused": "success"}
    for task_id in ("load", "reused"):
        assert declined(system, run_id, task_id)

    errors = eventually("the errors", lambda: found if len(found := import_errors(system)) == 2 else None)
    assert (errors["tells.py"]["line"], errors["tells.py"]["message"]) == (3, "No DAG at ***")
    assert errors["writes.py"]["line"] == 3
    assert "works in a running task only" in errors["writes.py"]["message"]


def test_a_file_that_lacked_a_variable_is_parsed_again_once_it_is_there(sqlite_system: System) -> None:
    system = sqlite_system
    system.environment |= {"TRADEWIND_VAR_SITE": "north", "TRADEWIND_CONN_SHOP": "http://shop.example"}
    (system.dags / "top.py").write_text(TOP)
    system.standalone()
    errors = eventually("the error", lambda: import_errors(system))
    assert "There is no variable 'steps'" in errors["top.py"]["message"]
    system.api.post("variables", body={"key": "steps", "value": '["load"]'})
    system.wait_for_dag("top")
    eventually("the end of the error", lambda: not import_errors(system))


@pytest.mark.parametrize("command", ["check", "test"])
def test_without_a_worker_the_environment_and_the_server_are_asked(sqlite_system: System, command: str) -> None:
    system = sqlite_system
    system.standalone()
    system.environment |= {"TRADEWIND_VAR_SITE": "north", "TRADEWIND_CONN_SHOP": "http://shop.example"}
    path = system.directory / "top.py"
    path.write_text(TOP)
    refused = system.tradewind("dags", command, str(path))
    assert refused.code == 1
    assert "There is no variable 'steps'" in refused.output
    system.api.post("variables", body={"key": "steps", "value": '["load"]'})
    answer = system.tradewind("dags", command, str(path))
    assert answer.code == 0, answer.output


def test_strict_grants_refuse_reads_of_files_and_say_what_to_do(sqlite_system: System) -> None:
    system = sqlite_system
    system.setting("SECURITY__GRANTS", "deny")
    (system.dags / "top.py").write_text(TOP)
    system.standalone()
    errors = eventually("the error", lambda: import_errors(system))
    assert errors["top.py"]["line"] == 4
    assert "where security.grants is deny" in errors["top.py"]["message"]
    assert "set security.grants to audit or allow" in errors["top.py"]["message"]

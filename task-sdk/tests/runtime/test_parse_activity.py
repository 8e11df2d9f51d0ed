"""Rules of the activity that parses a file."""

import os
import signal
import threading
import time
from pathlib import Path

from tests.runtime.activities import ControlPlane, parse_assignment, refusal
from tradewind.sdk.client.calls import Call, Reply
from tradewind.sdk.contract import Connection, DagImportError, FileParsed
from tradewind.sdk.runtime import run_activity

READS = """from tradewind.sdk import DAG, BaseHook, Variable, task
site = Variable.get("site")
with DAG("d", description=Variable.get("words", default="no words"), tags=[BaseHook.get_connection("shop").host]):
    for step in Variable.get("steps", deserialize_json=True, default_var=[]):
        task(task_id=f"{step}_{site}")(print)()
"""


def test_a_parse_reports_what_the_file_declares(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("from tradewind.sdk import DAG\nd = DAG('d')\n")
    parsed = run_activity(parse_assignment(tmp_path), ControlPlane(), None)
    assert isinstance(parsed, FileParsed)
    assert [found.dag_id for found in parsed.dags] == ["d"]


def test_a_parse_that_runs_over_its_time_is_an_import_error(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("while True: pass\n")
    parsed = run_activity(parse_assignment(tmp_path, timeout_seconds=0.1), ControlPlane(), None)
    assert isinstance(parsed, FileParsed)
    assert parsed.error is not None
    assert (parsed.error.type, parsed.error.line) == ("DagFileTimeout", 1)


def test_an_import_that_does_not_react_shows_its_line_in_the_log(tmp_path: Path) -> None:
    marker = tmp_path / "seen"
    (tmp_path / "file.py").write_text(
        f"""import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGALRM}})
while not os.path.exists({str(marker)!r}): pass
signal.pthread_sigmask(signal.SIG_UNBLOCK, {{signal.SIGALRM}})
"""
    )
    read_end, write_end = os.pipe()
    shown: list[str] = []

    def read_first() -> None:
        with os.fdopen(os.dup(read_end)) as log:
            shown.append(next(line for line in log if f'File "{tmp_path}/file.py"' in line))
        marker.touch()

    # The reader must not take the alarm either: each thread has the mask of the one that started it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    reader = threading.Thread(target=read_first, daemon=True)
    reader.start()
    run_activity(parse_assignment(tmp_path, timeout_seconds=0.1), ControlPlane(), None, log_descriptor=write_end)
    reader.join(60)
    os.close(write_end)
    os.close(read_end)
    assert "line 3 in <module>" in shown[0]


def parse(directory: Path, plane: ControlPlane, text: str) -> FileParsed:
    (directory / "file.py").write_text(text)
    parsed = run_activity(parse_assignment(directory), plane, None)
    assert isinstance(parsed, FileParsed)
    return parsed


def error_of(parsed: FileParsed) -> DagImportError:
    assert parsed.error is not None
    return parsed.error


def test_a_file_reads_variables_and_connections_while_it_is_parsed(tmp_path: Path) -> None:
    plane = ControlPlane()
    plane.variables.update(site="north", steps='["load", "send"]')
    plane.connections["shop"] = Connection(
        conn_id="shop", conn_type="http", host="shop.example", password="s3cr3t-w0rd"
    )
    parsed = parse(tmp_path, plane, READS)
    assert parsed.error is None
    (dag,) = parsed.dags
    assert (dag.description, dag.tags) == ("no words", ["shop.example"])
    assert sorted(one.task_id for one in dag.tasks) == ["load_north", "send_north"]
    assert [call.operation for call in plane.calls] == [
        "get_variable",
        "get_variable",
        "get_connection",
        "get_variable",
    ]


def test_a_missing_secret_without_a_default_is_an_import_error_with_its_line(tmp_path: Path) -> None:
    plane = ControlPlane()
    missing = error_of(parse(tmp_path, plane, READS))
    assert (missing.type, missing.line) == ("VariableNotFound", 2)
    assert missing.message == (
        "There is no variable 'site'. Create it, or give Variable.get a default."
        " The file is parsed again when the server has a new variable, and when its text changes."
    )
    plane.variables["site"] = "north"
    missing = error_of(parse(tmp_path, plane, READS))
    assert (missing.type, missing.line) == ("ConnectionNotFound", 3)


def test_a_refused_read_is_an_import_error_that_says_what_to_do(tmp_path: Path) -> None:
    plane = ControlPlane()
    plane.refusals.append(refusal(403, "not_allowed", action="Set security.grants."))
    refused = error_of(parse(tmp_path, plane, READS))
    assert (refused.type, refused.line) == ("ProblemError", 2)
    assert "not_allowed" in refused.message
    assert refused.message.endswith("Set security.grants.")


def test_a_file_writes_nothing_while_it_is_parsed(tmp_path: Path) -> None:
    plane = ControlPlane()
    for statement in ("Variable.set('x', 1)", "Variable.delete('x')"):
        refused = error_of(parse(tmp_path, plane, f"from tradewind.sdk import Variable\n{statement}\n"))
        assert (refused.type, refused.line) == ("OutsideTaskError", 2)
    assert plane.calls == []


class Slow(ControlPlane):
    """Answers each call late, by the clock that limits imports."""

    def send(self, call: Call) -> Reply:
        time.sleep(0.4)
        return super().send(call)


def test_waiting_for_the_server_takes_nothing_of_the_time_of_an_import(tmp_path: Path) -> None:
    plane = Slow()
    plane.variables["site"] = "north"
    (tmp_path / "file.py").write_text("from tradewind.sdk import Variable\nVariable.get('site')\nwhile True: pass\n")
    parsed = run_activity(parse_assignment(tmp_path, timeout_seconds=0.3), plane, None)
    assert isinstance(parsed, FileParsed)
    assert (error_of(parsed).type, error_of(parsed).line) == ("DagFileTimeout", 3)

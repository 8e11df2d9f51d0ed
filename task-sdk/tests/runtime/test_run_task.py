"""Rules of running one try: from the assignment to its outcome."""

import datetime as dt
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.activities import Bench, assignment, refusal
from tradewind.sdk.contract import Connection, Outcome, TaskFailed, TaskSucceeded, decode, encode
from tradewind.sdk.runtime import copy_ahead, load_dag_file, run_activity
from tradewind.sdk.runtime.task_execution import copy_of


def function(body: str, *, decorator: str = "@task", parameters: str = "") -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"{decorator}\ndef a({parameters}):\n{lines}a()\n"


def test_what_a_task_returns_is_its_return_value(bench: Bench) -> None:
    outcome = bench.run(function("return {'x': [1, 2.5, None, True, 'ü']}"))
    assert isinstance(outcome, TaskSucceeded)
    assert [(entry.key, entry.value) for entry in outcome.xcoms] == [("return_value", {"x": [1, 2.5, None, True, "ü"]})]
    assert outcome.started_at <= outcome.ended_at
    assert decode(Outcome, encode(outcome)) == outcome


def test_nothing_returned_leaves_no_xcom(bench: Bench) -> None:
    assert bench.returned(function("pass")) is None
    outcome = bench.run(function("return 5", decorator="@task(do_xcom_push=False)"))
    assert isinstance(outcome, TaskSucceeded)
    assert outcome.xcoms == []


def test_multiple_outputs_are_kept_one_by_one_too(bench: Bench) -> None:
    outcome = bench.run(function("return {'x': 1, 'y': [2]}", decorator="@task(multiple_outputs=True)"))
    assert isinstance(outcome, TaskSucceeded)
    kept = {entry.key: entry.value for entry in outcome.xcoms}
    assert kept == {"x": 1, "y": [2], "return_value": {"x": 1, "y": [2]}}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("[1]", "has multiple_outputs and must return a dict, not list"),
        ("{1: 2}", "the key 1"),
        ("{'': 1}", "the key ''"),
        ("{str(n): n for n in range(1000)}", "returns 1000 outputs; at most 999"),
    ],
)
def test_multiple_outputs_that_cannot_be_fail_the_task(bench: Bench, value: str, words: str) -> None:
    failed = bench.failed(function(f"return {value}", decorator="@task(multiple_outputs=True)"))
    assert failed.error.type == "XComNotSerializableError"
    assert words in failed.error.message


def test_results_of_other_tasks_arrive_as_values(bench: Bench) -> None:
    bench.plane.xcoms = {("one", "return_value"): 5, ("many", "x"): [1], ("many", "return_value"): {"x": [1]}}
    body = """
@task
def one(): ...
@task(multiple_outputs=True)
def many(): ...
@task
def quiet(): ...
@task
def a(number, nested, *, missing, absent):
    return [number, nested, missing, absent]
outputs = many()
a(one(), {"deep": (outputs["x"], [outputs])}, missing=quiet(), absent=outputs["z"])
"""
    assert bench.returned(body) == [5, {"deep": ([1], [{"x": [1]}])}, None, None]


def test_a_key_that_no_task_left_fails_the_task(bench: Bench) -> None:
    failed = bench.failed(
        "b = EmptyOperator(task_id='b')\nPythonOperator(task_id='a', python_callable=print, op_args=[b.output['k']])"
    )
    assert failed.error.type == "XComNotFound"
    assert "Task 'b' left no XCom with the key 'k'" in failed.error.message


def test_a_result_may_hold_what_a_declaration_may_not(bench: Bench) -> None:
    bench.plane.xcoms = {("b", "return_value"): "echo '{{ ds }}'"}
    body = "b = EmptyOperator(task_id='b')\nBashOperator(task_id='a', bash_command=b.output)"
    assert bench.returned(body) == "{{ ds }}"
    assert bench.returned("BashOperator(task_id='a', bash_command=literal(\"echo '{% x'\"))") == "{% x"


def test_an_exception_fails_the_task_with_its_place(bench: Bench) -> None:
    failed = bench.failed(function("x = 1\nraise ValueError('broken')"))
    assert (failed.error.type, failed.error.message, failed.error.retryable) == ("ValueError", "broken", True)
    assert failed.error.traceback is not None
    lines = failed.error.traceback.splitlines()
    assert lines[1].strip().startswith(f'File "{bench.root}/file.py"')
    assert lines[-1] == "ValueError: broken"


@pytest.mark.parametrize("name", ["TradewindFailException", "AirflowFailException"])
def test_a_fail_exception_allows_no_retry(bench: Bench, name: str) -> None:
    failed = bench.failed(function(f"raise {name}('never')"))
    assert (failed.error.type, failed.error.retryable) == ("TradewindFailException", False)


@pytest.mark.parametrize("name", ["TradewindSkipException", "AirflowSkipException"])
def test_a_skip_exception_skips_the_task(bench: Bench, name: str) -> None:
    assert bench.skipped(function(f"raise {name}('not today')")).message == "not today"
    assert bench.skipped(function(f"raise {name}")).message == "TradewindSkipException"


def test_leaving_python_is_a_failure(bench: Bench) -> None:
    failed = bench.failed(function("import sys; sys.exit(0)"))
    assert (failed.error.type, failed.error.retryable) == ("SystemExit", True)
    assert "sys.exit(0)" in failed.error.message
    assert bench.failed(function("raise KeyboardInterrupt")).error.type == "KeyboardInterrupt"


def test_an_exception_that_cannot_be_shown_or_is_huge_is_cut(bench: Bench) -> None:
    body = "class Odd(Exception):\n    def __str__(self): raise KeyError\nraise Odd"
    assert bench.failed(function(body)).error.message == "<Odd whose text cannot be shown>"
    error = bench.failed(function("raise ValueError('\\ud800' + 'x' * 1_000_000)")).error
    assert len(error.message) == 10_000
    assert error.traceback is not None
    assert len(error.traceback) <= 200_000
    encode(error)


def test_the_context_has_what_the_run_has(bench: Bench) -> None:
    body = function(
        """
keys = ("run_id", "ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz", "task_instance_key_str", "params",
        "try_number", "test_mode", "map_index_template", "templates_dict")
assert context["ti"] is context["task_instance"] and context["task"].task_id == "a" and context["dag"].dag_id == "d"
assert get_current_context() is not None and get_current_context()["ti"] is context["ti"]
ti, run = context["ti"], context["dag_run"]
about_ti = [ti.dag_id, ti.run_id, ti.map_index, ti.try_number, ti.max_tries, ti.hostname != ""]
about_ti.append(ti.task is context["task"])
about_run = [run.conf, run.run_type, run.triggering_user_name]
return [{key: context[key] for key in keys}, sorted(context), about_ti, about_run]
""",
        parameters="**context",
    )
    values, keys, instance, run = bench.returned(body, conf={"x": 1}, triggering_user="me")
    assert values == {
        "run_id": "r",
        "ds": "2024-03-01",
        "ds_nodash": "20240301",
        "ts": "2024-03-01T12:30:00+00:00",
        "ts_nodash": "20240301T123000",
        "ts_nodash_with_tz": "20240301T123000+0000",
        "task_instance_key_str": "d__a__20240301",
        "params": {"x": 1},
        "try_number": 2,
        "test_mode": False,
        "map_index_template": None,
        "templates_dict": None,
    }
    assert "logical_date" not in keys
    assert instance == ["d", "r", -1, 2, 3, True, True]
    assert run == [{"x": 1}, "manual", "me"]


def test_dates_come_from_the_logical_date_where_there_is_one(bench: Bench) -> None:
    day = dt.datetime(2020, 1, 2, tzinfo=dt.UTC)
    body = function(
        "return [logical_date.isoformat(), data_interval_start.isoformat(), data_interval_end.isoformat(), ds]",
        parameters="logical_date, data_interval_start, data_interval_end, ds",
    )
    shown = bench.returned(body, logical_date=day, data_interval_start=day, data_interval_end=day)
    assert shown == ["2020-01-02T00:00:00+00:00"] * 3 + ["2020-01-02"]


def test_a_date_that_the_run_has_not_says_why(bench: Bench) -> None:
    failed = bench.failed(function("...", parameters="logical_date"))
    assert failed.error.type == "KeyError"
    assert "the run was triggered without a logical date" in failed.error.message


def test_xcoms_are_pushed_at_once_and_pulled(bench: Bench) -> None:
    bench.plane.xcoms = {("b", "return_value"): 1, ("c", "return_value"): 2, ("c", "k"): None}
    body = function(
        """
ti.xcom_push("mine", (1, 2))
return [ti.xcom_pull("b"), ti.xcom_pull(["b", "c"]), ti.xcom_pull(("c",), key="k", default=5), ti.xcom_pull(key="mine"),
        ti.xcom_pull("b", key="none"), ti.xcom_pull("b", key="none", default=7), ti.xcom_pull(["b", "x"], default=0),
        ti.xcom_pull("b", map_indexes=-1), ti.xcom_pull("b", map_indexes=[-1])]
""",
        parameters="ti",
    )
    assert bench.returned(body) == [1, [1, 2], [None], (1, 2), None, 7, [1, 0], 1, [1]]
    pushed = bench.plane.calls[0]
    assert (pushed.operation, dict(pushed.parameters)) == ("set_xcom", {"key": "mine"})
    assert [call.parameters.get("map_index") for call in bench.plane.calls[-2:]] == ["-1", "-1"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("ti.xcom_push('', 1)", "a key is a string of 1 to 512 characters"),
        ("ti.xcom_push('k', object())", "XCom 'k' of task 'a' cannot be kept: value is of type builtins.object"),
    ],
)
def test_what_cannot_be_pulled_or_pushed_says_so(bench: Bench, call: str, words: str) -> None:
    assert words in bench.failed(function(call, parameters="ti")).error.message


def test_a_refusal_of_the_control_plane_fails_the_task_with_its_words(bench: Bench) -> None:
    bench.plane.refusals = [refusal(403, "not_allowed", action="Declare it.")]
    error = bench.failed(function("return Variable.get('x')")).error
    assert (error.type, error.message) == ("ProblemError", "get_variable was refused, not_allowed: No. Declare it.")


def test_declared_secrets_are_answered_without_a_call(bench: Bench) -> None:
    connection = Connection(conn_id="db", conn_type="http", password="p4ssw0rd")
    body = function("return [Variable.get('v'), Connection.get('db').password]")
    assert bench.returned(body, variables={"v": "value"}, connections=[connection]) == ["value", "p4ssw0rd"]
    assert bench.plane.calls == []


def test_other_secrets_are_asked_for(bench: Bench) -> None:
    bench.plane.variables["v"] = "asked"
    body = function("return [Variable.get('v'), Variable.get('w', default=0)]")
    assert bench.returned(body) == ["asked", 0]
    missing = bench.failed(function("Connection.get('nothing')"))
    assert missing.error.type == "ConnectionNotFound"


def test_secrets_are_hidden_in_the_outcome(bench: Bench) -> None:
    bench.plane.variables["asked"] = "s3cret-asked"
    body = "raise ValueError('pushed ' + Variable.get('pushed') + ', asked ' + Variable.get('asked'))"
    error = bench.failed(function(body), variables={"pushed": "s3cret-pushed"}).error
    assert error.message == "pushed ***, asked ***"
    assert "s3cret" not in (error.traceback or "")
    skipped = bench.run(function("raise AirflowSkipException(Variable.get('pushed'))"), variables={"pushed": "s3cret"})
    assert getattr(skipped, "message", None) == "***"


def test_a_task_sees_its_context_in_the_environment(bench: Bench) -> None:
    assert bench.returned(function("import os; return os.environ['AIRFLOW_CTX_TASK_ID']")) == "a"
    assert "AIRFLOW_CTX_TASK_ID" not in os.environ


def test_an_operator_with_slots_keeps_what_is_in_them(bench: Bench) -> None:
    body = """
class Own(BaseOperator):
    __slots__ = ("source",)
    def __init__(self, *, source, **kwargs):
        super().__init__(**kwargs)
        self.source = source
    def execute(self, context):
        return self.source

Own(task_id="a", source="here")
"""
    assert bench.returned(body) == "here"


def test_an_operator_that_says_how_it_is_copied_is_copied_so(bench: Bench) -> None:
    body = """
class Own(BaseOperator):
    def __copy__(self):
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__, source="copied")
        return copied
    def execute(self, context):
        return self.source

Own(task_id="a")
"""
    assert bench.returned(body) == "copied"


def test_hooks_of_an_operator_are_called_around_it(bench: Bench) -> None:
    body = """
class Own(BaseOperator):
    template_fields = ("source",)
    def __init__(self, *, source, **kwargs):
        super().__init__(**kwargs)
        self.source = source
        self.seen = []
    def pre_execute(self, context):
        self.seen.append(self.source)
    def execute(self, context):
        self.seen.append("execute")
        return self.seen
    def post_execute(self, context, result=None):
        result.append("post")
b = EmptyOperator(task_id="b")
Own(task_id="a", source=b.output)
"""
    bench.plane.xcoms = {("b", "return_value"): "value"}
    assert bench.returned(body) == ["value", "execute", "post"]


def test_a_loaded_file_runs_many_tries_that_do_not_see_each_other(bench: Bench) -> None:
    bench.write(
        "b = EmptyOperator(task_id='b')\nPythonOperator(task_id='a', python_callable=lambda x: x, op_args=[b.output])"
    )
    loaded = load_dag_file(bench.root, "file.py")
    found: list[Any] = []
    for value in ("one", "two"):
        bench.plane.xcoms = {("b", "return_value"): value}
        outcome = run_activity(assignment(bench.root), bench.plane, loaded)
        assert isinstance(outcome, TaskSucceeded)
        found.append(outcome.xcoms[0].value)
    assert found == ["one", "two"]


def test_a_task_or_file_that_is_not_there_fails_the_try(bench: Bench) -> None:
    bench.write("EmptyOperator(task_id='b')")
    assert bench.failed().error.type == "TaskNotFound"
    (bench.root / "file.py").write_text("x = 1\n")
    assert "declares no DAG 'd'" in bench.failed().error.message
    (bench.root / "file.py").write_text("raise ValueError('at import')\n")
    error = bench.failed().error
    assert (error.type, error.message) == ("ValueError", "file.py, line 1: ValueError: at import")
    assert error.traceback is not None
    assert "at import" in error.traceback


def test_threads_of_a_task_belong_to_it(bench: Bench) -> None:
    bench.plane.variables["v"] = "value"
    body = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    return list(pool.map(lambda n: Variable.get("v") + get_current_context()["run_id"], range(4)))
"""
    assert bench.returned(function(body)) == ["valuer"] * 4


def test_sigterm_calls_on_kill_and_fails_the_task(bench: Bench, tmp_path: Path) -> None:
    ready, marker = tmp_path / "ready", tmp_path / "killed"
    os.mkfifo(ready)
    body = f"""
class Slow(BaseOperator):
    def execute(self, context):
        try:
            import time
            open({str(ready)!r}, "w").close()
            time.sleep(1000)
        except Exception:
            pass
    def on_kill(self):
        open({str(marker)!r}, "w").close()
        raise RuntimeError("also broken")
Slow(task_id="a")
"""

    def terminate() -> None:
        ready.read_text()
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=terminate)
    thread.start()
    before = signal.getsignal(signal.SIGTERM)
    error = bench.failed(body).error
    thread.join()
    assert (error.type, error.retryable) == ("TaskTerminated", True)
    assert marker.exists()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_failure_is_logged_with_its_traceback(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    outcome = bench.run(function("raise ValueError('broken')"))
    assert isinstance(outcome, TaskFailed)
    assert "ValueError: broken" in caplog.text


def test_a_copy_that_was_made_ahead_is_for_one_try(bench: Bench) -> None:
    bench.write("EmptyOperator(task_id='a')\nEmptyOperator(task_id='b')")
    first, second = load_dag_file(bench.root, "file.py").dags["d"].tasks
    copy_ahead([first])
    ahead, later, other = copy_of(first), copy_of(first), copy_of(second)
    ahead.queue = "changed"
    assert [task.queue for task in (first, later, other)] == ["default"] * 3
    assert (later.task_id, other.task_id) == ("a", "b")

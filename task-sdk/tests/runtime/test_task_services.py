"""What a running task asks of the control plane beyond its own run: XComs, runs and variables."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.activities import Bench, ControlPlane, assignment, refusal
from tradewind.sdk.authoring.xcom import use_xcom_settings
from tradewind.sdk.client.calls import Call, Reply
from tradewind.sdk.contract import Connection, DagRunState, DagRunType, RunSummary, TaskFailed, TaskSucceeded, to_plain
from tradewind.sdk.runtime import run_activity

RUN = to_plain(
    RunSummary(
        dag_id="d",
        run_id="before",
        run_type=DagRunType.SCHEDULED,
        state=DagRunState.FAILED,
        run_after=dt.datetime(2024, 2, 29, tzinfo=dt.UTC),
    )
)
BACKEND = """
from tradewind.sdk import BaseXCom

class Upper(BaseXCom):
    @staticmethod
    def serialize_value(value, *, key, task_id, dag_id, run_id, map_index):
        return {"kept": f"{dag_id}/{run_id}/{task_id}/{key}", "value": BaseXCom.serialize_value(value)}

    @staticmethod
    def deserialize_value(result):
        class Inner:
            value = result.value["value"]
        return BaseXCom.deserialize_value(Inner)
"""


class WiderPlane(ControlPlane):
    """Answers some operations with what a test gives."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        super().__init__()
        self.answers = answers

    def send(self, call: Call) -> Reply:
        if call.operation not in self.answers:
            return super().send(call)
        self.calls.append(call)
        answer = self.answers[call.operation]
        return answer if isinstance(answer, Reply) else Reply(200, answer)


@pytest.fixture(autouse=True)
def default_settings() -> Iterator[None]:
    yield
    use_xcom_settings(None)


def bench_of(root: Path, **answers: Any) -> Bench:
    bench = Bench(root)
    bench.plane = WiderPlane(answers)
    return bench


def asked(bench: Bench, operation: str) -> list[dict[str, str]]:
    return [dict(call.parameters) for call in bench.plane.calls if call.operation == operation]


def function(body: str) -> str:
    lines = "".join(f"\n    {line}" for line in body.splitlines())
    return f"@task\ndef a(ti):{lines}\na()"


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        ("'b', run_id='other'", {"dag_id": "d", "task_id": "b", "key": "return_value", "run_id": "other"}),
        ("'b', dag_id='e', key='k'", {"dag_id": "e", "task_id": "b", "key": "k"}),
        (
            "'b', include_prior_dates=True",
            {"dag_id": "d", "task_id": "b", "key": "return_value", "include_prior_dates": "true"},
        ),
        (
            "'b', dag_id='e', map_indexes=2",
            {"dag_id": "e", "task_id": "b", "key": "return_value", "map_index": "2"},
        ),
    ],
)
def test_xcoms_of_other_runs_are_found(tmp_path: Path, arguments: str, parameters: dict[str, str]) -> None:
    bench = bench_of(tmp_path, find_xcom={"value": {"__type__": "set", "value": [1]}})
    assert bench.returned(function(f"return ti.xcom_pull({arguments})")) == {1}
    assert asked(bench, "find_xcom") == [parameters]


def test_the_own_run_by_name_is_the_own_run(tmp_path: Path) -> None:
    bench = bench_of(tmp_path)
    bench.plane.xcoms = {("b", "return_value"): 5}
    assert bench.returned(function("return ti.xcom_pull('b', dag_id='d', run_id='r')")) == 5


def test_missing_xcoms_of_other_runs_have_their_default(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, find_xcom=refusal(404, "not_found"))
    body = "return ti.xcom_pull(['b', 'c'], run_id='x', default=7), XCom.get_one(dag_id='d', task_id='b', run_id='x')"
    assert bench.returned(function(body)) == ([7, 7], None)


def test_an_undeclared_dag_is_refused_with_the_words_of_the_server(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, find_xcom=refusal(403, "not_allowed", field="dag_id"))
    assert "find_xcom was refused, not_allowed" in bench.failed(function("ti.xcom_pull('b', dag_id='e')")).error.message


def test_xcoms_are_read_by_class(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, find_xcom={"value": 3})
    body = "return XCom.get_one(key='k', dag_id='e', task_id='b', run_id='x', include_prior_dates=True)"
    assert bench.returned(function(body)) == 3
    assert asked(bench, "find_xcom") == [
        {"dag_id": "e", "task_id": "b", "key": "k", "run_id": "x", "include_prior_dates": "true"}
    ]
    body = "return XCom.get_value(ti_key=ti, key='k')"
    assert bench.returned(function(body)) == 3
    assert asked(bench, "find_xcom")[1:] == [{"dag_id": "d", "task_id": "a", "key": "k", "run_id": "r"}]


def test_a_task_writes_its_own_xcoms_by_class_and_no_others(tmp_path: Path) -> None:
    bench = bench_of(tmp_path)
    own = "dag_id='d', run_id='r', task_id={task!r}"
    assert bench.returned(function(f"XCom.set('k', 5, {own.format(task='a')})\nreturn ti.xcom_pull(key='k')")) == 5
    failed = bench.failed(function(f"XCom.set('k', 5, {own.format(task='b')})"))
    assert "names task 'b' of run 'r' of DAG 'd'" in failed.error.message


def run_with(bench: Bench, **settings: Any) -> TaskSucceeded:
    given = changed(assignment(bench.root), **settings)
    outcome = run_activity(given, bench.plane, None)
    assert isinstance(outcome, TaskSucceeded), outcome
    return outcome


def changed(value: Any, **changes: Any) -> Any:
    return type(value)(**{**{name: getattr(value, name) for name in value.__struct_fields__}, **changes})


def test_a_back_end_beside_the_dag_files_keeps_what_is_returned_pushed_and_pulled(tmp_path: Path) -> None:
    (tmp_path / "keeping.py").write_text(BACKEND)
    bench = bench_of(tmp_path)
    bench.write(
        "@task(multiple_outputs=True)\ndef a(ti):\n    ti.xcom_push('mine', (1,))\n"
        "    return {'x': ti.xcom_pull(key='mine') + (2,)}\na()"
    )
    outcome = run_with(bench, xcom_backend="keeping:Upper")
    pair = {"__type__": "tuple", "value": [1, 2]}
    assert bench.plane.xcoms["a", "mine"] == {"kept": "d/r/a/mine", "value": {"__type__": "tuple", "value": [1]}}
    assert {entry.key: entry.value for entry in outcome.xcoms} == {
        "x": {"kept": "d/r/a/x", "value": pair},
        "return_value": {"kept": "d/r/a/return_value", "value": {"x": pair}},
    }


MODELS = """
import dataclasses

@dataclasses.dataclass
class Order:
    number: int
"""


@pytest.mark.parametrize("classes", [None, ["shop_models.*"]])
def test_classes_of_the_bundle_are_read_when_the_worker_allows_them(tmp_path: Path, classes: list[str] | None) -> None:
    (tmp_path / "shop_models.py").write_text(MODELS)
    bench = bench_of(tmp_path)
    bench.plane.xcoms = {("b", "k"): {"__type__": "dataclass", "class": "shop_models:Order", "value": {"number": 4}}}
    bench.write(function("return ti.xcom_pull('b', key='k').number"))
    outcome = run_activity(changed(assignment(tmp_path), xcom_classes=classes), bench.plane, None)
    if classes:
        assert isinstance(outcome, TaskSucceeded), outcome
        assert outcome.xcoms[0].value == 4
    else:
        assert isinstance(outcome, TaskFailed), outcome
        assert "add it to TRADEWIND_WORKER_XCOM_CLASSES of the worker" in outcome.error.message


def test_a_task_writes_lists_and_deletes_variables(tmp_path: Path) -> None:
    bench = bench_of(
        tmp_path, set_variable=Reply(204), delete_variable=Reply(204), list_variable_keys={"keys": ["state/a"]}
    )
    body = (
        "Variable.set('state/a', {'b': 1}, description='words', serialize_json=True)\n"
        "Variable.delete('state/b')\n"
        "return Variable.keys('state/')"
    )
    assert bench.returned(function(body)) == ["state/a"]
    written, deleted, listed = bench.plane.calls
    assert (dict(written.parameters), written.body["description"]) == ({"key": "state/a"}, "words")
    assert written.body["value"] == '{\n  "b": 1\n}'
    assert deleted.parameters["key"] == "state/b"
    assert listed.parameters == {"prefix": "state/"}


def test_a_variable_that_came_with_the_task_is_the_written_one_afterwards(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, set_variable=Reply(204), delete_variable=Reply(204))
    body = (
        "first = Variable.get('v')\nVariable.set('v', 2)\nsecond = Variable.get('v')\n"
        "Variable.delete('v')\nreturn first, second, Variable.get('v', default='gone')"
    )
    assert bench.returned(function(body), variables={"v": "1"}) == ("1", "2", "gone")


def test_the_task_instance_knows_other_runs(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, get_previous_run=RUN, get_run=RUN)
    body = "return ti.get_previous_dagrun('failed').run_id, ti.get_dagrun_state('e', 'x')"
    assert bench.returned(function(body)) == ("before", "failed")
    assert (asked(bench, "get_previous_run"), asked(bench, "get_run")) == (
        [{"state": "failed"}],
        [{"dag_id": "e", "run_id": "x"}],
    )


def test_a_run_that_does_not_exist_is_not_found(tmp_path: Path) -> None:
    missing = refusal(404, "not_found")
    bench = bench_of(tmp_path, get_previous_run=missing, get_run=missing)
    assert bench.returned(function("return ti.get_previous_dagrun()")) is None
    failed = bench.failed(function("ti.get_dagrun_state('e', 'x')"))
    assert failed.error.message == "DAG 'e' has no run 'x'."


ASYNC = """async def a(ti):
    other = asyncio.create_task(ticks())
    await ti.axcom_push("k", 1)
    host = (await Connection.async_get("db")).host
    assert (await BaseHook.aget_connection("db")).host == host
    found = await ti.axcom_pull("b", key="k", default=[host])
    other.cancel()
    return found"""


def test_asynchronous_calls_are_the_others_beside_a_loop(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.plane.connections["db"] = Connection(conn_id="db", conn_type="http", host="h.example")
    ticks = "import asyncio\nasync def ticks():\n    while True:\n        await asyncio.sleep(0)\n"
    bench.write(f"@task\n{ASYNC}\na()", top=ticks)
    assert bench.returned() == ["h.example"]
    assert bench.plane.xcoms == {("a", "k"): 1}


class MaskingPlane(ControlPlane):
    """One whose other side keeps the log."""

    def __init__(self) -> None:
        super().__init__()
        self.masked: list[str] = []

    def mask(self, values: Sequence[str]) -> None:
        self.masked.extend(values)


def test_further_secrets_are_masked_here_and_with_the_worker(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.plane = plane = MaskingPlane()
    given = "{'password': 'own-s3cr3t', 'host': 'h.example', 'tokens': ['t0k3n']}"
    body = f"mask_secret('plain-s3cr3t')\nmask_secret({given})\nmask_secret('shown', 'colour')"
    bench.write(
        function(f"{body}\nraise ValueError('plain-s3cr3t h.example t0k3n shown')"),
        top="from tradewind.sdk.log import mask_secret",
    )
    assert bench.failed().error.message == "*** h.example *** shown"
    assert plane.masked == ["plain-s3cr3t", "own-s3cr3t", "t0k3n"]


def test_where_nobody_keeps_the_log_masking_costs_no_call(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.write(function("mask_secret('plain-s3cr3t')\nreturn 1"), top="from tradewind.sdk.log import mask_secret")
    assert bench.returned() == 1
    assert bench.plane.calls == []

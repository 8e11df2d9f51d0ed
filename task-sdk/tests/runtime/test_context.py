"""Rules of the task context: what it has, what costs a call, and what says why it is missing."""

import datetime as dt
from typing import Any

import pytest

from tests.runtime.activities import RUN_AFTER, Bench
from tradewind.sdk.contract import DagRunState, DagRunType, RunSummary

DAY = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)


def function(body: str, parameters: str = "", decorator: str = "@task") -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"{decorator}\ndef a({parameters}):\n{lines}a()\n"


def previous(**more: Any) -> RunSummary:
    given = {"run_after": DAY, "data_interval_start": DAY - dt.timedelta(days=1), "data_interval_end": DAY, **more}
    return RunSummary(
        dag_id="d", run_id="p", run_type=DagRunType.SCHEDULED, state=DagRunState.SUCCESS, **{"start_date": DAY, **given}
    )


def test_dates_answer_as_those_of_pendulum_do(bench: Bench) -> None:
    body = """
d = logical_date
hours = (d - d.subtract(days=2)).in_hours()
return [d.subtract(months=1).to_date_string(), d.in_timezone("Asia/Tokyo").hour, d.format("YYYY/MM"), f"{d:YYYY}",
        f"{d:%d}", d.start_of("month").isoformat(), d.add(weeks=1).day, d.int_timestamp, hours, str(d),
        (d + datetime.timedelta(days=1)).to_datetime_string(), d.isoformat(), d == dag_run.logical_date,
        isinstance(d, datetime.datetime), d.tzinfo.utcoffset(d).total_seconds(), hasattr(d, "nonsense")]
"""
    bench.write(function(body, "logical_date, dag_run"), top="import datetime")
    assert bench.returned(logical_date=DAY) == [
        "2024-02-01",
        9,
        "2024/03",
        "2024",
        "01",
        "2024-03-01T00:00:00+00:00",
        8,
        1709251200,
        48,
        "2024-03-01 00:00:00+00:00",
        "2024-03-02 00:00:00",
        "2024-03-01T00:00:00+00:00",
        True,
        True,
        0.0,
        False,
    ]


def test_a_dag_file_that_imports_pendulum_gets_its_dates(bench: Bench) -> None:
    body = "return [isinstance(logical_date, pendulum.DateTime), isinstance(ti.start_date, pendulum.DateTime)]"
    bench.write(function(body, "logical_date, ti"), top="import pendulum")
    assert bench.returned(logical_date=DAY) == [True, True]


def test_a_date_can_be_left_as_an_xcom(bench: Bench) -> None:
    assert bench.returned(function("return logical_date", "logical_date"), logical_date=DAY) == DAY


def test_the_previous_successful_run_is_asked_for_once_and_only_when_it_is_used(bench: Bench) -> None:
    bench.plane.previous_runs["success"] = previous()
    dates = ("prev_data_interval_start_success", "prev_start_date_success", "prev_end_date_success")
    assert bench.returned(function("return len(context)", "**context")) > 20
    assert bench.returned(function("return 1", "ds, ti")) == 1
    assert bench.plane.calls == []
    found = bench.returned(function(f"return [{', '.join(dates)}]", ", ".join(dates)))
    assert found == [DAY - dt.timedelta(days=1), DAY, None]
    assert [call.operation for call in bench.plane.calls] == ["get_previous_run"]


def test_lazy_dates_behave_as_dates_where_the_whole_context_is_handed_over(bench: Bench) -> None:
    bench.plane.previous_runs["success"] = previous()
    body = """
start, none = context["prev_data_interval_start_success"], context["prev_end_date_success"]
return [start, str(start), start < context["prev_start_date_success"], start.year, start.add(days=1).day, not none,
        none == None, isinstance(start, datetime.datetime), (start + datetime.timedelta(1)).day, f"{start:%Y}",
        get_current_context()["prev_end_date_success"] is None, context["run_id"], copy.deepcopy(start) == start]
"""
    bench.write(function(body, "**context"), top="import copy, datetime")
    start = DAY - dt.timedelta(days=1)
    assert bench.returned() == [start, str(start), True, 2024, 1, True, True, True, 1, "2024", True, "r", True]


def test_params_are_those_of_dag_task_and_run_and_are_checked(bench: Bench) -> None:
    body = """
@task(params={"own": 1, "size": 5})
def a(params): return params
a()
"""
    declared = "params={'size': Param(3, type='integer', minimum=1), 'name': 'x'}"
    bench.write(body, declared)
    assert bench.returned() == {"size": 5, "name": "x", "own": 1}
    bench.write(function("return params", "params"), declared)
    assert bench.returned(conf={"size": 9, "more": [1]}) == {"size": 9, "name": "x", "more": [1]}
    error = bench.failed(conf={"size": "nine"}).error
    assert error.type == "ParamValidationError"
    assert "size" in error.message


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("triggering_asset_events", "does not have it yet"),
        ("logical_date", "triggered without a logical date"),
        ("conf", "dag_run.conf"),
        ("next_ds", "data_interval_end | ds"),
        ("yesterday_ds", "macros.ds_add"),
        ("nonsense", "there is no such key"),
    ],
)
def test_a_missing_key_says_why(bench: Bench, key: str, words: str) -> None:
    error = bench.failed(function(f"get_current_context()[{key!r}]")).error
    assert error.type == "KeyError"
    assert words in error.message


def test_keys_of_callbacks_are_none_and_free_as_parameters(bench: Bench) -> None:
    body = "return [exception, reason, get_current_context()['reason']]"
    assert bench.returned(function(body, "exception, reason")) == [None, None, None]
    mine = "PythonOperator(task_id='a', python_callable=lambda reason, execution_date: [reason, execution_date], "
    assert bench.returned(f"{mine}op_args=['mine', 'too'])") == ["mine", "too"]


def test_the_run_has_airflows_attributes(bench: Bench) -> None:
    body = """
r = dag_run
return [r.dag_id, r.run_id, r.run_type == "manual", r.state, r.conf, r.logical_date, r.run_after, r.start_date,
        r.end_date, r.note, r.next_run_after, r.triggering_user_name]
"""
    found = bench.returned(function(body, "dag_run"), start_date=DAY, note="by hand", next_run_after=DAY)
    assert found == ["d", "r", True, "running", {}, None, RUN_AFTER, DAY, None, "by hand", DAY, None]
    for name, words in [("execution_date", "logical_date is its name now"), ("nonsense", "no such attribute")]:
        error = bench.failed(function(f"dag_run.{name}", "dag_run")).error
        assert error.type == "AttributeError"
        assert words in error.message


def test_the_task_instance_has_airflows_attributes(bench: Bench) -> None:
    bench.plane.previous_runs = {"": previous(), "success": previous(start_date=None)}
    body = """
ti.log.info("hello")
return [ti.operator, ti.state, list(ti.key), ti.duration, ti.end_date, ti.queue, ti.pool, ti.dag_run.run_id,
        ti.get_template_context()["ds"], ti.get_previous_dagrun().run_id, ti.get_previous_start_date(),
        ti.get_previous_start_date("success"), ti.get_previous_dagrun("failed"), ti.id == ti.try_id, ti.max_tries]
"""
    assert bench.returned(function(body, "ti", "@task(queue='q')")) == [
        "_PythonDecoratedOperator",
        "running",
        ["d", "a", "r", 2, -1],
        None,
        None,
        "q",
        "default_pool",
        "r",
        "2024-03-01",
        "p",
        DAY,
        None,
        None,
        True,
        3,
    ]
    error = bench.failed(function("ti.execution_date", "ti")).error
    assert (error.type, "logical_date" in error.message) == ("AttributeError", True)


def test_a_task_in_a_run_without_a_logical_date_takes_the_moment_of_the_run(bench: Bench) -> None:
    found = bench.returned(function("return [ds, ts, 'logical_date' in get_current_context()]", "ds, ts"))
    assert found == ["2024-03-01", "2024-03-01T12:30:00+00:00", False]

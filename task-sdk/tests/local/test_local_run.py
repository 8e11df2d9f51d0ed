"""Rules of `dag.test()`: one process, no server, no waiting."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from tradewind.sdk import DAG, Connection, CronDataIntervalTimetable, Param, Variable, get_current_context, task
from tradewind.sdk.contract import DagRunState
from tradewind.sdk.exceptions import (
    DagAuthoringError,
    ParamValidationError,
    TaskNotFound,
    TradewindException,
    TradewindFailException,
    TradewindSkipException,
)
from tradewind.sdk.local import LocalClock, LocalDeployment
from tradewind.sdk.standard.operators.empty import EmptyOperator

DATE = dt.datetime(2026, 3, 1, 6, tzinfo=dt.UTC)

BACKEND = """
from tradewind.sdk import BaseXCom

class Reversed(BaseXCom):
    @staticmethod
    def serialize_value(value, **place):
        return value[::-1]

    @staticmethod
    def deserialize_value(result):
        return result.value[::-1]
"""


def states(run: Any) -> dict[str, str]:
    return {name: str(state) for name, state in run.states.items()}


def test_results_flow_from_task_to_task() -> None:
    with DAG("d") as dag:

        @task
        def numbers() -> list[int]:
            return [1, 2, 3]

        @task
        def total(given: list[int]) -> int:
            return sum(given)

        total(numbers())
    run = dag.test()
    assert run.state is DagRunState.SUCCESS
    assert run.xcom("total") == 6
    assert run.xcom("total", "other", default="none") == "none"
    assert [instance.task_id for instance in run.get_task_instances()] == ["numbers", "total"]


def test_the_wait_for_a_retry_is_a_leap_of_the_clock() -> None:
    clock = LocalClock(DATE, real=lambda: DATE)
    tries: list[dt.datetime] = []
    with DAG("d") as dag:

        @task(retries=2, retry_delay=dt.timedelta(hours=1))
        def flaky() -> int:
            tries.append(clock.now())
            if len(tries) < 3:
                raise ValueError("not yet")
            return len(tries)

        flaky()
    run = dag.test(clock=clock)
    assert run.state is DagRunState.SUCCESS
    assert [moment - DATE for moment in tries] == [dt.timedelta(hours=hours) for hours in range(3)]
    assert run.get_task_instance("flaky").try_number == 3
    assert run.get_task_instance("flaky").error is None


def test_a_failure_tells_what_it_was_and_what_it_kept_from_running() -> None:
    with DAG("d") as dag:

        @task(retries=5)
        def broken() -> None:
            raise TradewindFailException("no such table")

        broken() >> EmptyOperator(task_id="after")
    run = dag.test()
    assert run.state is DagRunState.FAILED
    assert states(run) == {"broken": "failed", "after": "upstream_failed"}
    error = run.get_task_instance("broken").error
    assert error is not None
    assert (error.type, error.message) == ("TradewindFailException", "no such table")
    assert run.get_task_instance("after").duration is None


def test_a_task_that_skips_itself_skips_what_needs_it() -> None:
    with DAG("d") as dag:

        @task
        def nothing_to_do() -> None:
            raise TradewindSkipException("no rows")

        nothing_to_do() >> EmptyOperator(task_id="after") >> EmptyOperator(task_id="end", trigger_rule="all_done")
    run = dag.test()
    assert states(run) == {"nothing_to_do": "skipped", "after": "skipped", "end": "success"}
    assert run.state is DagRunState.SUCCESS


def test_the_context_is_that_of_the_run() -> None:
    seen: dict[str, Any] = {}
    with DAG("d") as dag:

        @task
        def look(ds: str | None = None) -> None:
            context = get_current_context()
            seen.update(ds=ds, conf=context["dag_run"].conf, run_id=context["run_id"], date=context["logical_date"])

        look()
    run = dag.test(logical_date=DATE, run_conf={"rows": 3})
    assert seen == {"ds": "2026-03-01", "conf": {"rows": 3}, "run_id": run.run_id, "date": DATE}
    assert run.run_id == "manual__2026-03-01T06:00:00+00:00"


def test_variables_and_connections_come_from_files(tmp_path: Path) -> None:
    variables, connections = tmp_path / "variables.json", tmp_path / "connections.json"
    variables.write_text(json.dumps({"rows": {"most": 3}, "name": "ada"}))
    connections.write_text(
        json.dumps({"db": "postgres://me:pw@host:5432/db", "api": {"conn_type": "http", "host": "x"}})
    )
    with DAG("d") as dag:

        @task
        def read() -> Any:
            found = [Connection.get("db").password, Connection.get("api").host]
            Variable.set("name", "grace")
            return [Variable.get("rows", deserialize_json=True), *found]

        read()
    run = dag.test(variable_file_path=str(variables), conn_file_path=str(connections))
    assert run.xcom("read") == [{"most": 3}, "pw", "x"]
    assert run.deployment.variables["name"] == "grace"


@pytest.mark.parametrize(
    ("text", "words"), [("{", "is no JSON"), ("[]", "must hold one JSON object"), (None, "cannot be read")]
)
def test_a_file_that_holds_no_variables_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "variables.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(TradewindException, match=words):
        DAG("d").test(variable_file_path=str(path))


def test_tasks_that_fit_a_pattern_count_as_successful() -> None:
    with DAG("d") as dag:

        @task
        def send_mail() -> None:
            raise AssertionError("nobody wants this mail")

        send_mail()
    assert dag.test(mark_success_pattern="send_.*").state is DagRunState.SUCCESS
    assert dag.test(mark_success_pattern="send").state is DagRunState.FAILED
    with pytest.raises(DagAuthoringError, match="no regular expression"):
        dag.test(mark_success_pattern="(")


def test_a_run_goes_on_from_an_earlier_one() -> None:
    deployment = LocalDeployment()
    with DAG("d") as dag:

        @task(depends_on_past=True)
        def count(ti: Any = None) -> int:
            before = ti.xcom_pull(task_ids="count", include_prior_dates=True, default=0)
            return int(before) + 1

        count()
    for day in range(3):
        run = dag.test(logical_date=DATE + dt.timedelta(days=day), deployment=deployment)
        assert run.xcom("count") == day + 1


def test_a_task_waits_in_vain_for_a_run_that_failed() -> None:
    deployment = LocalDeployment()
    outcomes = iter([True, False])
    with DAG("d") as dag:

        @task(depends_on_past=True)
        def step() -> None:
            if next(outcomes):
                raise ValueError("no")

        step()
    assert dag.test(logical_date=DATE, deployment=deployment).state is DagRunState.FAILED
    with pytest.raises(TradewindException, match="cannot go on: step"):
        dag.test(logical_date=DATE + dt.timedelta(days=1), deployment=deployment)


def test_the_first_failure_ends_a_run_that_fails_fast() -> None:
    with DAG("d", fail_fast=True) as dag:

        @task
        def a() -> None:
            raise ValueError("no")

        a()
        EmptyOperator(task_id="b")
    run = dag.test()
    assert states(run) == {"a": "failed", "b": "skipped"}
    assert run.state is DagRunState.FAILED


def test_a_run_has_the_data_interval_of_its_timetable() -> None:
    with DAG("d", schedule=CronDataIntervalTimetable("0 6 * * *", timezone="UTC"), start_date=DATE) as dag:
        EmptyOperator(task_id="a")
    run = dag.test(logical_date=DATE + dt.timedelta(days=2, hours=3))
    assert (run.data_interval_start, run.data_interval_end) == (
        DATE + dt.timedelta(days=1),
        DATE + dt.timedelta(days=2),
    )


def test_a_task_that_does_not_exist_is_named() -> None:
    with pytest.raises(TaskNotFound, match="'nowhere'"):
        DAG("d").test().get_task_instance("nowhere")


def test_an_empty_dag_succeeds() -> None:
    assert DAG("d").test().state is DagRunState.SUCCESS


def test_a_run_whose_params_cannot_be_is_refused() -> None:
    with DAG("d", params={"day": Param(type="string")}) as dag:
        EmptyOperator(task_id="a")
    with pytest.raises(ParamValidationError, match="Invalid input for param day"):
        dag.test()
    assert str(dag.test(run_conf={"day": "monday"}).state) == "success"


def test_xcoms_are_kept_by_the_back_end_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "backend_of_a_test.py").write_text(BACKEND)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("TRADEWIND_WORKER_XCOM_BACKEND", "backend_of_a_test:Reversed")
    with DAG("d") as dag:

        @task
        def say() -> str:
            return "abc"

        @task
        def hear(said: str) -> str:
            return said + "d"

        hear(say())
    run = dag.test()
    kept = {place[2]: value for place, value in run.deployment.xcoms.items()}
    assert kept == {"say": "cba", "hear": "dcba"}
    assert run.xcom("hear") == "abcd"
    monkeypatch.delenv("TRADEWIND_WORKER_XCOM_BACKEND")
    assert dag.test().xcom("hear") == "abcd"

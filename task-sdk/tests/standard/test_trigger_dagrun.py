"""Rules of `TriggerDagRunOperator`."""

import datetime as dt
from typing import Any

import pytest

from tradewind.sdk import DAG
from tradewind.sdk.authoring.serialize import serialize_dag
from tradewind.sdk.exceptions import DagAuthoringError, UnsupportedArgumentError
from tradewind.sdk.standard.operators.trigger_dagrun import TriggerDagRunOperator

DATE = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def run_one(**arguments: Any) -> Any:
    with DAG("d") as dag:
        TriggerDagRunOperator(task_id="a", **{"trigger_dag_id": "other", **arguments})
    return dag.test(logical_date=DATE)


def test_a_run_is_asked_for_with_everything_that_was_given() -> None:
    run = run_one(
        trigger_run_id="r_{{ ds_nodash }}", conf={"day": "{{ ds }}"}, logical_date="{{ ts }}", note="by a task"
    )
    (triggered,) = run.deployment.triggered
    request = triggered.request
    assert (triggered.dag_id, request.run_id, request.conf) == ("other", "r_20260301", {"day": "2026-03-01"})
    assert (request.logical_date, request.note, request.reset) == (DATE, "by a task", False)
    assert run.xcom("a", "trigger_run_id") == "r_20260301"


def test_a_run_without_a_logical_date_is_asked_for_by_none() -> None:
    assert run_one(logical_date=None).deployment.triggered[0].request.logical_date is None
    assert run_one().deployment.triggered[0].request.logical_date is not None


def test_waiting_for_a_run_that_nobody_carries_out_fails() -> None:
    error = run_one(wait_for_completion=True).get_task_instance("a").error
    assert error is not None
    assert "waiting for it would never end" in error.message


@pytest.mark.parametrize("conf", ["[1]", {"x": object()}, "{", {"x": float("nan")}])
def test_a_conf_that_is_no_json_object_fails(conf: Any) -> None:
    error = run_one(conf=conf).get_task_instance("a").error
    assert error is not None
    assert "conf of task 'a' must be" in error.message


def test_a_constant_dag_id_is_declared_as_a_grant() -> None:
    with DAG("d") as dag:
        TriggerDagRunOperator(task_id="a", trigger_dag_id="other")
        TriggerDagRunOperator(task_id="b", trigger_dag_id="{{ params.dag }}")
    grants = {one.task_id: one.grants for one in serialize_dag(dag).tasks}
    assert grants["a"] is not None
    assert grants["a"].trigger_dags == ["other"]
    assert grants["b"] is None


@pytest.mark.parametrize("argument", ["fail_when_dag_is_paused", "deferrable"])
def test_what_is_not_supported_is_named(argument: str) -> None:
    with pytest.raises(UnsupportedArgumentError, match=f"{argument}=True of task 'a'"):
        run_one(**{argument: True})


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(DagAuthoringError, match="allowed_states of task 'a'"):
        run_one(allowed_states=["done"])


@pytest.mark.parametrize("moment", ["{{ logical_date }}", DATE, DATE.replace(tzinfo=None)])
def test_a_run_may_be_asked_for_later(moment: Any) -> None:
    assert run_one(run_after=moment).deployment.triggered[0].request.run_after == DATE

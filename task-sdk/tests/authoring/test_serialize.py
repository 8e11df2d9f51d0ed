"""Rules of the serialized form."""

import datetime as dt
import json

import pytest

from tradewind.sdk import DAG, Label, task
from tradewind.sdk.authoring.serialize import serialize_dag
from tradewind.sdk.contract import Grants, SerializedDag, decode, encode, to_plain
from tradewind.sdk.exceptions import AirflowDagCycleException, DagAuthoringError
from tradewind.sdk.standard.operators.bash import BashOperator
from tradewind.sdk.standard.operators.empty import EmptyOperator


def test_everything_that_the_contract_has_is_in_the_form() -> None:
    with DAG(
        "all", description="d", doc_md="m", tags=["b", "a"], max_active_runs=3, connections=["db"], variables=["v*"]
    ) as dag:
        first = BashOperator(
            task_id="first",
            bash_command="true",
            retries=2,
            retry_delay=dt.timedelta(seconds=1.5),
            queue="q",
            executor="e",
            owner="o",
            doc_md="t",
            connections=["x", "x"],
            takeover_after=60,
            on_cut="stop",
        )
        first >> Label("why") >> EmptyOperator(task_id="second")
    plain = to_plain(serialize_dag(dag, "another file"))
    assert plain == {
        "dag_id": "all",
        "description": "d",
        "doc_md": "m",
        "tags": ["a", "b"],
        "max_active_runs": 3,
        "grants": {"connections": ["db"], "variables": ["v*"]},
        "edge_labels": [{"upstream": "first", "downstream": "second", "label": "why"}],
        "tasks": [
            {
                "task_id": "first",
                "operator": "BashOperator",
                "operator_module": "tradewind.sdk.standard.operators.bash",
                "upstream": [],
                "trigger_rule": "all_success",
                "retries": 2,
                "retry_delay_seconds": 1.5,
                "queue": "q",
                "executor": "e",
                "isolation": "fork",
                "on_cut": "stop",
                "takeover_after_seconds": 60.0,
                "grants": {"connections": ["x"], "variables": []},
                "owner": "o",
                "doc_md": "t",
            },
            {
                "task_id": "second",
                "operator": "EmptyOperator",
                "operator_module": "tradewind.sdk.standard.operators.empty",
                "upstream": ["first"],
                "trigger_rule": "all_success",
                "retries": 0,
                "retry_delay_seconds": 300.0,
                "queue": "default",
                "isolation": "fork",
                "on_cut": "continue",
                "owner": "tradewind",
            },
        ],
    }


def test_the_same_declaration_in_another_order_has_the_same_form() -> None:
    def declare(names: str) -> bytes:
        with DAG("d", tags=set(names)) as dag:
            tasks = {name: EmptyOperator(task_id=name) for name in names}
            tasks["a"] >> [tasks["b"], tasks["c"]]
        return encode(serialize_dag(dag))

    assert declare("abc") == declare("cba")


def test_the_form_reads_back() -> None:
    @task
    def f() -> None: ...

    with DAG("d") as dag:
        f()
    form = serialize_dag(dag)
    assert decode(SerializedDag, encode(form)) == form
    assert "grants" not in json.loads(encode(form))
    assert form.grants is None
    assert Grants(connections=[], variables=[]) != form.grants


def test_a_cycle_has_no_form() -> None:
    with DAG("d") as dag:
        a, b = EmptyOperator(task_id="a"), EmptyOperator(task_id="b")
        a >> b >> a
    with pytest.raises(AirflowDagCycleException, match="a -> b -> a"):
        serialize_dag(dag)


def test_what_was_set_after_the_declaration_is_in_the_form_or_refused() -> None:
    with DAG("d") as dag:
        operator = EmptyOperator(task_id="a")
    dag.doc_md = operator.doc_md = "later"
    form = serialize_dag(dag)
    assert (form.doc_md, form.tasks[0].doc_md) == ("later", "later")
    operator.trigger_rule = "all_done"
    with pytest.raises(DagAuthoringError, match="trigger_rule='all_done' of task 'a' of DAG 'd'"):
        serialize_dag(dag)

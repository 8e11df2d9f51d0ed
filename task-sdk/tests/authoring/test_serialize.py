"""Rules of the serialized form."""

import datetime as dt
import json

import pytest

from tradewind.sdk import DAG, Label, TaskGroup, task
from tradewind.sdk.authoring.serialize import serialize_dag
from tradewind.sdk.contract import Grants, SerializedDag, decode, encode, to_plain
from tradewind.sdk.exceptions import AirflowDagCycleException, DagAuthoringError
from tradewind.sdk.standard.operators.bash import BashOperator
from tradewind.sdk.standard.operators.empty import EmptyOperator

USUAL = {
    "depends_on_past": False,
    "ignore_first_depends_on_past": True,
    "is_setup": False,
    "is_teardown": False,
    "on_failure_fail_dagrun": False,
    "pool_slots": 1,
    "priority_weight": 1,
    "retry_backoff": 1,
    "wait_for_downstream": False,
    "wait_for_past_depends_before_skipping": False,
}


FIRST = USUAL | {
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
}

SECOND = USUAL | {
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
}


def test_what_a_declaration_says_is_in_the_form() -> None:
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
        "catchup": False,
        "fail_fast": False,
        "max_active_runs": 3,
        "max_active_tasks": 16,
        "max_consecutive_failed_dag_runs": 0,
        "grants": {"connections": ["db"], "variables": ["v*"]},
        "edge_labels": [{"upstream": "first", "downstream": "second", "label": "why"}],
        "tasks": [
            FIRST,
            SECOND,
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
    operator.trigger_rule = "all_over"
    with pytest.raises(DagAuthoringError, match="trigger_rule of task 'a' of DAG 'd' is 'all_over'"):
        serialize_dag(dag)


def test_runs_are_scheduled_from_the_first_start_date_of_dag_and_tasks() -> None:
    first, second, third = (dt.datetime(2024, month, 1, tzinfo=dt.UTC) for month in (1, 2, 3))
    with DAG("d", schedule="@daily") as dag:
        EmptyOperator(task_id="a", start_date=second, end_date=third)
        EmptyOperator(task_id="b", start_date=first, end_date=second)
    form = serialize_dag(dag)
    assert (form.start_date, form.end_date) == (first, third)
    EmptyOperator(task_id="c", dag=dag)
    form = serialize_dag(dag)
    assert (form.start_date, form.end_date) == (first, None)
    assert [task.start_date for task in form.tasks] == [second, first, None]


def test_dates_that_a_task_shares_with_its_dag_are_not_repeated() -> None:
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    with DAG("d", start_date=start, end_date=start) as dag:
        EmptyOperator(task_id="a")
    form = serialize_dag(dag)
    assert (form.start_date, form.end_date, form.tasks[0].start_date, form.tasks[0].end_date) == (
        start,
        start,
        None,
        None,
    )


def test_names_that_code_declares_to_need_are_in_the_form_of_dag_and_task() -> None:
    names = {"connections": ["c"], "write_variables": ["w*"], "read_dags": ["r"], "trigger_dags": ["t", "s"]}
    with DAG("d", **names) as dag:  # type: ignore[arg-type]  # by name
        EmptyOperator(task_id="a", variables=["v"], read_dags=["*"])
    form = serialize_dag(dag)
    assert form.grants == Grants(
        connections=["c"], variables=[], write_variables=["w*"], read_dags=["r"], trigger_dags=["s", "t"]
    )
    assert form.tasks[0].grants == Grants(connections=[], variables=["v"], read_dags=["*"])


def test_the_order_of_groups_does_not_depend_on_the_order_of_declaration() -> None:
    def declare(names: str) -> list[str]:
        with DAG("d") as dag:
            for name in names:
                with TaskGroup(name), TaskGroup("inner"):
                    EmptyOperator(task_id="a")
        return [group.group_id for group in serialize_dag(dag).task_groups or ()]

    assert declare("ab") == declare("ba") == ["a", "a.inner", "b", "b.inner"]


@pytest.mark.parametrize("flavour", ["bash", "branch", "short_circuit", "virtualenv", "external_python"])
def test_a_decorated_task_is_known_by_its_decorator(flavour: str) -> None:
    more = {"python": "/usr/bin/python3"} if flavour == "external_python" else {}

    def step() -> str:
        return "true"

    with DAG("d") as dag:
        task(task_id="plain")(step)()
        getattr(task, flavour)(task_id="flavoured", **more)(step)()
        EmptyOperator(task_id="classic")
    found = {one.task_id: one.operator_name for one in serialize_dag(dag).tasks}
    assert found == {"plain": "@task", "flavoured": f"@task.{flavour}", "classic": None}
    assert dag.get_task("flavoured").operator_name == f"@task.{flavour}"
    assert dag.get_task("classic").operator_name == "EmptyOperator"

"""Rules of branches, short circuits, latest-only and conditions, in whole runs."""

import datetime as dt
from typing import Any

import pytest

from tradewind.sdk import DAG, Context, TaskGroup, task
from tradewind.sdk.exceptions import DagAuthoringError
from tradewind.sdk.standard.operators.branch import BaseBranchOperator
from tradewind.sdk.standard.operators.empty import EmptyOperator
from tradewind.sdk.standard.operators.latest_only import LatestOnlyOperator
from tradewind.sdk.standard.operators.python import BranchPythonOperator, PythonOperator, ShortCircuitOperator


def states(dag: DAG, **arguments: Any) -> dict[str, str]:
    return {name: str(state) for name, state in dag.test(**arguments).states.items()}


def empty(task_id: str, **arguments: Any) -> EmptyOperator:
    return EmptyOperator(task_id=task_id, **arguments)


@pytest.mark.parametrize(
    ("choice", "run"),
    [("a", {"a"}), (["a", "b"], {"a", "b"}), (None, set()), ([], set())],
)
def test_a_branch_runs_what_it_chose_and_skips_the_rest(choice: Any, run: set[str]) -> None:
    with DAG("d") as dag:
        branch = BranchPythonOperator(task_id="branch", python_callable=lambda: choice)
        branch >> [empty("a"), empty("b"), empty("c")]
    found = states(dag)
    assert found.pop("branch") == "success"
    assert {name for name, state in found.items() if state == "success"} == run
    assert set(found.values()) <= {"success", "skipped"}


def test_what_is_behind_the_chosen_branch_is_not_skipped() -> None:
    with DAG("d") as dag:
        branch = BranchPythonOperator(task_id="branch", python_callable=lambda: "a")
        join = empty("join", trigger_rule="none_failed_min_one_success")
        branch >> [empty("a"), empty("b"), join]
        [dag.get_task("a"), dag.get_task("b")] >> join
    assert states(dag) == {"branch": "success", "a": "success", "b": "skipped", "join": "success"}


def test_a_branch_may_choose_a_task_group() -> None:
    with DAG("d") as dag:
        branch = BranchPythonOperator(task_id="branch", python_callable=lambda: "group")
        with TaskGroup("group") as group:
            empty("first") >> empty("second")
        branch >> [group, empty("other")]
    assert states(dag) == {
        "branch": "success",
        "group.first": "success",
        "group.second": "success",
        "other": "skipped",
    }


def test_a_choice_that_is_no_task_fails() -> None:
    with DAG("d") as dag:
        BranchPythonOperator(task_id="branch", python_callable=lambda: "nowhere") >> empty("a")
    run = dag.test()
    error = run.get_task_instance("branch").error
    assert error is not None
    assert "'nowhere', which is no task of DAG 'd'" in error.message
    assert str(run.get_task_instance("a").state) == "upstream_failed"


def test_a_branch_operator_of_ones_own_chooses_by_its_method() -> None:
    class Choose(BaseBranchOperator):
        def choose_branch(self, context: Context) -> str:
            return f"on_{context['ds']}"

    with DAG("d") as dag:
        Choose(task_id="branch") >> [empty("on_2026-03-01"), empty("on_2026-03-02")]
    found = states(dag, logical_date=dt.datetime(2026, 3, 1, tzinfo=dt.UTC))
    assert (found["on_2026-03-01"], found["on_2026-03-02"]) == ("success", "skipped")


def test_a_short_circuit_skips_everything_behind_it() -> None:
    with DAG("d") as dag:
        stop = ShortCircuitOperator(task_id="stop", python_callable=lambda: False)
        stop >> empty("a") >> empty("b", trigger_rule="all_done")
        empty("apart")
    assert states(dag) == {"stop": "success", "a": "skipped", "b": "skipped", "apart": "success"}


def test_a_short_circuit_may_leave_the_rest_to_trigger_rules() -> None:
    with DAG("d") as dag:
        stop = ShortCircuitOperator(task_id="stop", python_callable=lambda: 0, ignore_downstream_trigger_rules=False)
        stop >> empty("a") >> empty("b", trigger_rule="all_done")
    assert states(dag) == {"stop": "success", "a": "skipped", "b": "success"}


def test_a_true_condition_lets_everything_go_on() -> None:
    with DAG("d") as dag:
        ShortCircuitOperator(task_id="go", python_callable=lambda: [1]) >> empty("a")
    assert states(dag) == {"go": "success", "a": "success"}
    assert dag.test().xcom("go") == [1]


def test_a_short_circuit_leaves_teardown_tasks_alone() -> None:
    with DAG("d") as dag:
        setup, work, clean = empty("setup").as_setup(), empty("work"), empty("clean")
        stop = ShortCircuitOperator(task_id="stop", python_callable=lambda: False)
        setup >> stop >> work >> clean.as_teardown(setups=setup)
    assert states(dag) == {"setup": "success", "stop": "success", "work": "skipped", "clean": "success"}


def test_the_decorators_are_the_operators() -> None:
    with DAG("d") as dag:

        @task.branch
        def choose() -> str:
            return "go"

        @task.short_circuit
        def go() -> bool:
            return False

        choose() >> [go() >> empty("after"), empty("other")]
    assert states(dag) == {"choose": "success", "go": "success", "after": "skipped", "other": "skipped"}


def test_a_triggered_run_counts_as_the_latest() -> None:
    with DAG("d", schedule="@daily", start_date=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)) as dag:
        LatestOnlyOperator(task_id="latest") >> empty("a")
    assert states(dag, logical_date=dt.datetime(2020, 2, 1, tzinfo=dt.UTC)) == {"latest": "success", "a": "success"}


@pytest.mark.parametrize(("wanted", "state"), [(True, "success"), (False, "skipped")])
def test_run_if_asks_before_the_task_runs(wanted: bool, state: str) -> None:
    with DAG("d") as dag:

        @task.run_if(lambda context: context["dag_run"].conf["wanted"], "not wanted today")
        @task
        def work() -> None:
            """Nothing."""

        work()
    assert states(dag, run_conf={"wanted": wanted}) == {"work": state}


def test_skip_if_is_the_opposite_and_both_may_be_stacked() -> None:
    with DAG("d") as dag:

        @task.skip_if(lambda context: (context["dag_run"].conf["holiday"], "a holiday"))
        @task.run_if(lambda context: context["dag_run"].conf["rows"] > 0)
        @task.bash
        def work() -> str:
            return "echo {{ dag_run.conf.rows }}"

        work()
    assert states(dag, run_conf={"holiday": True, "rows": 1}) == {"work": "skipped"}
    assert states(dag, run_conf={"holiday": False, "rows": 0}) == {"work": "skipped"}
    run = dag.test(run_conf={"holiday": False, "rows": 7})
    assert run.xcom("work") == "7"


def test_a_condition_below_the_task_decorator_is_refused() -> None:
    with pytest.raises(DagAuthoringError, match="stands above @task"):

        @task
        @task.run_if(lambda context: True)
        def work() -> None:
            """Nothing."""


def test_a_command_function_must_return_a_command() -> None:
    with DAG("d") as dag:

        @task.bash
        def nothing() -> str:
            return " "

        nothing()
    error = dag.test().get_task_instance("nothing").error
    assert error is not None
    assert "must return a Bash command" in error.message


def test_templates_dict_is_rendered_for_the_function() -> None:
    with DAG("d") as dag:
        PythonOperator(
            task_id="a",
            python_callable=lambda templates_dict: templates_dict["day"],
            templates_dict={"day": "{{ ds_nodash }}"},
        )
    assert dag.test(logical_date=dt.datetime(2026, 3, 1, tzinfo=dt.UTC)).xcom("a") == "20260301"

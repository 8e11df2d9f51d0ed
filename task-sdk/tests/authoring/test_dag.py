"""Rules of `DAG` and `@dag`."""

import datetime as dt
from pathlib import Path

import pytest

from tradewind.sdk import DAG, BaseOperator, dag, task
from tradewind.sdk.authoring.dag_context import current_dag
from tradewind.sdk.exceptions import (
    AirflowDagCycleException,
    DagAuthoringError,
    DuplicateTaskIdFound,
    TaskNotFound,
    UnknownArgumentError,
    UnsupportedArgumentError,
    UnsupportedFeatureError,
)
from tradewind.sdk.standard.operators.empty import EmptyOperator


def test_tasks_join_the_dag_of_the_innermost_with_block() -> None:
    with DAG("outer") as outer:
        EmptyOperator(task_id="a")
        with DAG("inner") as inner:
            EmptyOperator(task_id="b")
        EmptyOperator(task_id="c")
    assert (outer.task_ids, inner.task_ids) == (["a", "c"], ["b"])
    assert current_dag() is None


def test_an_error_in_a_with_block_closes_it() -> None:
    with pytest.raises(ZeroDivisionError), DAG("broken"):
        1 / 0  # noqa: B018 - the error
    assert current_dag() is None


def test_a_task_may_be_given_its_dag() -> None:
    declared = DAG("given")
    operator = EmptyOperator(task_id="a", dag=declared)
    assert declared.get_task("a") is operator
    assert operator.dag is declared
    assert operator.dag_id == "given"


def test_arguments_of_schedules_are_accepted_without_a_schedule() -> None:
    declared = DAG(
        "dates",
        schedule=None,
        start_date=dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        end_date=dt.datetime(2030, 1, 1),  # noqa: DTZ001 - authors write naive dates
        catchup=True,
    )
    assert declared.catchup is True


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("schedule", "@daily"),
        ("schedule", dt.timedelta(days=1)),
        ("params", {"x": 1}),
        ("dagrun_timeout", dt.timedelta(hours=1)),
        ("max_active_tasks", 4),
        ("on_failure_callback", print),
        ("fail_fast", True),
        ("is_paused_upon_creation", False),
        ("render_template_as_native_obj", True),
        ("user_defined_macros", {"f": len}),
        ("default_view", None),
    ],
)
def test_an_argument_that_would_have_an_effect_in_airflow_is_refused_by_name(argument: str, value: object) -> None:
    kind = UnknownArgumentError if argument == "default_view" else UnsupportedArgumentError
    with pytest.raises(kind, match=argument) as refused:
        DAG("d", **{argument: value})  # type: ignore[arg-type]  # the table's names, by name
    assert "DAG 'd'" in str(refused.value)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("params", {}),
        ("params", None),
        ("on_success_callback", None),
        ("fail_fast", False),
        ("template_searchpath", []),
    ],
)
def test_an_argument_that_airflow_leaves_unused_is_accepted(argument: str, value: object) -> None:
    DAG("d", **{argument: value})  # type: ignore[arg-type]  # the table's names, by name


def test_an_unknown_argument_gets_the_closest_known_one() -> None:
    with pytest.raises(UnknownArgumentError, match="'shedule'.*Did you mean 'schedule'"):
        DAG("d", shedule=None)


def test_an_argument_that_airflow_3_removed_names_its_successor() -> None:
    with pytest.raises(UnknownArgumentError, match="'schedule_interval', which Airflow 3 removed; see 'schedule'"):
        DAG("d", schedule_interval=None)


@pytest.mark.parametrize(
    ("dag_id", "words"),
    [
        ("", "at least one"),
        ("a b", "may hold only"),
        ("ä", "may hold only"),
        ("a\n", "may hold only"),
        ("x" * 251, "251 characters"),
        (7, "must be a string, not int"),
    ],
)
def test_an_invalid_dag_id_is_refused_with_the_rule(dag_id: str, words: str) -> None:
    with pytest.raises(DagAuthoringError, match=words):
        DAG(dag_id)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"max_active_runs": 0}, "max_active_runs of DAG 'd' is 0; it must be from 1"),
        ({"max_active_runs": "3"}, "must be an integer, not str"),
        ({"tags": "one"}, "must be a list of strings"),
        ({"tags": ["x" * 101]}, "1 to 100 characters"),
        ({"default_args": [1]}, "default_args of DAG 'd' must be a dict"),
        ({"start_date": "2024-01-01"}, "must be a datetime"),
        ({"connections": "db"}, "must be a list of names"),
        ({"variables": ["a*b"]}, "a prefix with one asterisk at its end"),
        ({"description": 5}, "must be a string, not int"),
        ({"doc_md": "x" * 100_001}, "at most 100000 are allowed"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_the_argument(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(DagAuthoringError, match=words):
        DAG("d", **arguments)  # type: ignore[arg-type]  # wrong on purpose


def test_two_tasks_of_one_id_are_refused() -> None:
    with DAG("twice"):
        EmptyOperator(task_id="a")
        with pytest.raises(DuplicateTaskIdFound, match="DAG 'twice' has a task 'a' already"):
            EmptyOperator(task_id="a")


def test_a_task_cannot_join_a_second_dag() -> None:
    operator = EmptyOperator(task_id="a", dag=DAG("one"))
    with pytest.raises(DagAuthoringError, match="belongs to DAG 'one' and cannot join DAG 'two'"):
        DAG("two").add_task(operator)


def test_an_unknown_task_is_named() -> None:
    with pytest.raises(TaskNotFound, match="DAG 'd' has no task 'x'"):
        DAG("d").get_task("x")


def test_a_cycle_names_its_tasks_and_the_place_of_the_dag() -> None:
    with DAG("circle") as declared:
        a, b, c, d = (EmptyOperator(task_id=name) for name in "abcd")
        a >> b >> c >> d >> b
    with pytest.raises(AirflowDagCycleException, match="b -> c -> d -> b") as refused:
        declared.check_cycle()
    assert (refused.value.fileloc, refused.value.line) == (declared.declaration.file, declared.declaration.line)
    assert declared.fileloc == __file__


def test_a_task_that_waits_for_itself_is_a_cycle() -> None:
    with DAG("self") as declared:
        a = EmptyOperator(task_id="a")
        a >> a
    with pytest.raises(AirflowDagCycleException, match="a -> a"):
        declared.topological_sort()


def test_a_long_chain_is_sorted_without_recursion() -> None:
    with DAG("long") as declared:
        before: BaseOperator | None = None
        for number in range(5000):
            operator = EmptyOperator(task_id=f"t{number}")
            if before is not None:
                before >> operator
            before = operator
    assert [one.task_id for one in declared.topological_sort()] == [f"t{number}" for number in range(5000)]


def test_the_order_of_tasks_does_not_depend_on_the_order_of_declaration() -> None:
    orders = []
    for names in (["c", "a", "b"], ["b", "c", "a"]):
        with DAG("order") as declared:
            tasks = {name: EmptyOperator(task_id=name) for name in names}
            tasks["c"] >> tasks["a"]
        orders.append([one.task_id for one in declared.topological_sort()])
    assert orders == [["b", "c", "a"], ["b", "c", "a"]]


def test_roots_and_leaves() -> None:
    with DAG("ends") as declared:
        a, b, c = (EmptyOperator(task_id=name) for name in "abc")
        a >> b
    assert declared.roots == [a, c]
    assert declared.leaves == [b, c]


def test_documentation_can_stand_in_a_file_beside_the_dag_file(tmp_path: Path) -> None:
    document = tmp_path / "about.md"
    document.write_text("# About")
    assert DAG("d", doc_md=str(document)).doc_md == "# About"
    assert DAG("d", doc_md="missing.md").doc_md == "missing.md"


def test_a_decorated_function_declares_a_dag_of_its_name_when_it_is_called() -> None:
    @dag
    def pipeline() -> None:
        """What it is for."""
        EmptyOperator(task_id="a")

    declared = pipeline()
    assert (declared.dag_id, declared.doc_md, declared.task_ids) == ("pipeline", "What it is for.", ["a"])


def test_a_decorated_function_takes_arguments_of_the_dag() -> None:
    @dag("named", tags=["x"], description="words")
    def pipeline() -> None: ...

    @dag(dag_id="by_keyword")
    def other() -> None: ...

    assert (pipeline().dag_id, pipeline().tags, pipeline().description) == ("named", {"x"}, "words")
    assert other().dag_id == "by_keyword"


def test_parameters_of_a_decorated_function_are_params_and_not_supported() -> None:
    with pytest.raises(UnsupportedFeatureError, match=r"Parameter 'day' of the @dag function .*pipeline\(\).*params"):

        @dag
        def pipeline(day: str) -> None: ...


def test_a_dag_cannot_be_run_without_a_server_yet() -> None:
    with pytest.raises(UnsupportedFeatureError, match=r"dag.test\(\)"):
        DAG("d").test()


def test_a_schedule_that_is_set_later_is_refused_when_the_dag_is_checked() -> None:
    declared = DAG("d")
    declared.schedule = "@daily"  # type: ignore[assignment]  # wrong on purpose
    with pytest.raises(UnsupportedArgumentError, match="schedule='@daily'"):
        declared.check()


def test_the_file_of_a_dag_is_that_of_the_call() -> None:
    @task
    def nothing() -> None: ...

    with DAG("here") as declared:
        nothing()
    assert declared.fileloc == __file__

"""Rules of `DAG` and `@dag`."""

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tradewind.sdk import DAG, BaseOperator, Param, dag, task
from tradewind.sdk.authoring.dag_context import current_dag
from tradewind.sdk.authoring.serialize import serialize_dag
from tradewind.sdk.exceptions import (
    AirflowDagCycleException,
    DagAuthoringError,
    DuplicateTaskIdFound,
    FailFastDagInvalidTriggerRule,
    ParamValidationError,
    TaskNotFound,
    UnknownArgumentError,
    UnsupportedArgumentError,
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
        ("schedule", [object()]),
        ("on_failure_callback", print),
        ("access_control", {"role": {"can_read"}}),
        ("deadline", object()),
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
        DAG("d", shedule=None)  # type: ignore[call-arg]  # wrong on purpose


def test_an_argument_that_airflow_3_removed_names_its_successor() -> None:
    with pytest.raises(UnknownArgumentError, match="'schedule_interval', which Airflow 3 removed; see 'schedule'"):
        DAG("d", schedule_interval=None)  # type: ignore[call-arg]  # wrong on purpose


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
        (
            {"default_args": {"start_date": "soon"}},
            "start_date of DAG 'd' is 'soon'; a text must be a date of ISO 8601",
        ),
        ({"max_active_tasks": 0}, "max_active_tasks of DAG 'd' is 0; it must be from 1"),
        ({"max_consecutive_failed_dag_runs": -1}, "is -1; it must be from 0"),
        ({"dagrun_timeout": 60}, "dagrun_timeout of DAG 'd' must be a timedelta"),
        ({"dagrun_timeout": dt.timedelta(0)}, "must be above zero"),
        ({"is_paused_upon_creation": "yes"}, "must be True or False"),
        (
            {"owner_links": {"me": "somewhere"}},
            "owner_links of DAG 'd' has 'somewhere' for 'me'; it must be an address",
        ),
        ({"owner_links": ["x"]}, "must be a dict whose keys are strings"),
        ({"dag_display_name": 5}, "dag_display_name of DAG 'd' must be a string"),
        ({"template_searchpath": 5}, "must be a path or a list of paths"),
        ({"user_defined_macros": [1]}, "must be a dict whose keys are strings"),
        ({"params": [1]}, "params of DAG 'd' must be a dict"),
        ({"params": {"x": object()}}, "params of DAG 'd': The default of a param must be JSON"),
        ({"catchup": True, "schedule": "@daily"}, "has catchup=True and no start_date"),
        ({"schedule": "@continuous"}, "max_active_runs of DAG 'd' is 16; with its schedule at most 1 is allowed"),
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


def test_parameters_of_a_decorated_function_are_params_of_the_dag() -> None:
    @task
    def show(day: str) -> None: ...

    @dag(params={"count": 7})
    def pipeline(day: str, count: int = 3) -> None:
        show(day)

    declared = pipeline("today", count=5)
    assert declared.params.dump() == {"count": 5, "day": "today"}
    assert repr(declared.get_task("show").op_args[0]) == "<DagParam day>"  # type: ignore[attr-defined]  # of the operator
    with pytest.raises(DagAuthoringError, match=r"pipeline\(\) cannot be called like this: missing .* 'day'"):
        pipeline()  # type: ignore[call-arg]  # wrong on purpose
    with pytest.raises(DagAuthoringError, match=r"Parameter '.*more: int' .* cannot be a param"):

        @dag
        def wrong(**more: int) -> None: ...


def test_a_schedule_that_is_set_later_is_checked_with_the_dag() -> None:
    declared = DAG("d")
    declared.schedule = "whenever"
    with pytest.raises(DagAuthoringError, match="schedule of DAG 'd' cannot be: The cron expression 'whenever'"):
        declared.check()


def test_the_file_of_a_dag_is_that_of_the_call() -> None:
    @task
    def nothing() -> None: ...

    with DAG("here") as declared:
        nothing()
    assert declared.fileloc == __file__


def test_limits_have_airflows_defaults_and_none_stands_for_them() -> None:
    declared = DAG("d", max_active_runs=None, max_active_tasks=None, max_consecutive_failed_dag_runs=None)
    assert (declared.max_active_runs, declared.max_active_tasks) == (16, 16)
    assert declared.max_consecutive_failed_dag_runs == 0


def test_dates_are_kept_in_utc_and_the_zone_of_the_start_date_is_that_of_the_dag() -> None:
    paris = ZoneInfo("Europe/Paris")
    declared = DAG("d", start_date=dt.datetime(2024, 7, 1, tzinfo=paris), end_date=dt.datetime(2024, 8, 1))  # noqa: DTZ001 - authors write naive dates
    assert declared.start_date == dt.datetime(2024, 6, 30, 22, tzinfo=dt.UTC)
    assert declared.start_date.tzinfo is dt.UTC
    assert declared.end_date == dt.datetime(2024, 8, 1, tzinfo=dt.UTC)
    assert (declared.timezone, declared.timezone_name) == (paris, "Europe/Paris")
    assert DAG("d").timezone_name == "UTC"


def test_the_start_date_may_stand_in_default_args_also_as_text() -> None:
    declared = DAG("d", default_args={"start_date": "2024-02-01", "end_date": dt.datetime(2025, 1, 1, tzinfo=dt.UTC)})
    assert declared.start_date == dt.datetime(2024, 2, 1, tzinfo=dt.UTC)
    assert declared.end_date is None
    operator = EmptyOperator(task_id="a", dag=declared)
    assert operator.end_date == dt.datetime(2025, 1, 1, tzinfo=dt.UTC)


def test_a_task_is_for_the_dates_that_it_shares_with_its_dag() -> None:
    first, second = dt.datetime(2024, 1, 1, tzinfo=dt.UTC), dt.datetime(2024, 2, 1, tzinfo=dt.UTC)
    with DAG("d", start_date=second, end_date=second):
        wide = EmptyOperator(task_id="wide", start_date=first, end_date=dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
        bare = EmptyOperator(task_id="bare")
    assert [wide.start_date, wide.end_date, bare.start_date, bare.end_date] == [second] * 4
    with DAG("d", start_date=first):
        later = EmptyOperator(task_id="later", start_date=second)
    assert later.start_date == second


def test_params_of_default_args_are_params_of_the_dag() -> None:
    given = {"params": {"a": 1, "b": 1}, "retries": 2}
    declared = DAG("d", params={"b": 2, "c": 2}, default_args=given)
    assert declared.params.dump() == {"a": 1, "b": 1, "c": 2}
    assert (declared.default_args, "params" in given) == ({"retries": 2}, True)


def test_a_dag_with_a_schedule_needs_params_with_valid_defaults() -> None:
    with pytest.raises(ParamValidationError, match="DAG 'd' has a schedule.* Invalid input for param x: No value"):
        DAG("d", schedule="@daily", params={"x": Param(type="string")})
    with pytest.raises(ParamValidationError, match="Invalid input for param x: 'five' is not of type 'integer'"):
        DAG("d", schedule="@daily", params={"x": Param("five", type="integer")})
    assert "x" in DAG("d", params={"x": Param(type="string")}).params
    assert "x" in DAG("d", params={"x": Param(None, type="string")}).params


def test_a_dag_that_fails_fast_holds_tasks_of_the_usual_trigger_rule_only() -> None:
    with DAG("d", fail_fast=True) as declared:
        clean = EmptyOperator(task_id="clean").as_teardown()
        with pytest.raises(
            FailFastDagInvalidTriggerRule, match="Task 'a' has the trigger rule 'all_done'; DAG 'd' has"
        ):
            EmptyOperator(task_id="a", trigger_rule="all_done")
    assert declared.tasks == [clean]
    declared.check()
    EmptyOperator(task_id="b", dag=declared).trigger_rule = "always"
    with pytest.raises(FailFastDagInvalidTriggerRule, match="Task 'b'"):
        declared.check()


def test_the_decorator_of_a_dag_makes_tasks_of_it_anywhere() -> None:
    declared = DAG("d")

    @declared.task(retries=3)
    def f() -> None: ...

    @declared.task
    def g() -> None: ...

    f()
    g()
    assert [(one.task_id, one.retries) for one in declared.tasks] == [("f", 3), ("g", 0)]


def test_what_a_dag_says_of_its_tasks() -> None:
    with DAG("d", dag_display_name="Words") as declared:
        a = EmptyOperator(task_id="a", owner="x")
        b = EmptyOperator(task_id="b", owner="y").as_teardown()
    declared.set_dependency("a", "b")
    assert (declared.owner, declared.teardowns, declared.dag_display_name) == ("x, y", [b], "Words")
    assert a.downstream_task_ids == {"b"}
    assert declared.folder == str(Path(__file__).parent)


def test_an_attribute_that_would_have_an_effect_in_airflow_is_refused_before_serialization() -> None:
    with DAG("d") as declared:
        EmptyOperator(task_id="a")
    declared.on_failure_callback = print  # type: ignore[attr-defined]  # what is tested
    with pytest.raises(UnsupportedArgumentError, match="on_failure_callback=.* of DAG 'd'"):
        serialize_dag(declared)


def test_no_catchup_is_none_or_false() -> None:
    assert DAG("d", catchup=None).catchup is False  # type: ignore[arg-type]  # as Airflow takes it

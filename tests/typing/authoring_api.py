"""A DAG file as mypy sees it: what is right passes, what is wrong is found. Checked by the types session, never run."""

import datetime as dt
from typing import Any, assert_type

from tradewind.sdk import (
    DAG,
    BaseOperator,
    Connection,
    Context,
    CronTriggerTimetable,
    Label,
    Param,
    TaskGroup,
    TriggerRule,
    Variable,
    XComArg,
    chain,
    chain_linear,
    cross_downstream,
    dag,
    get_current_context,
    literal,
    setup,
    task,
    task_group,
    teardown,
)
from tradewind.sdk.exceptions import AirflowSkipException, TradewindSkipException
from tradewind.sdk.standard.operators.bash import BashOperator
from tradewind.sdk.standard.operators.empty import EmptyOperator
from tradewind.sdk.standard.operators.python import PythonOperator


class CopyOperator(BaseOperator):
    """An operator as authors write them."""

    template_fields = ("source",)

    def __init__(self, *, source: str | XComArg, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source

    def execute(self, context: Context) -> int:
        assert_type(context["ds"], str)
        assert_type(context["dag_run"].conf, dict[str, Any])
        assert_type(context["ti"].try_number, int)
        assert_type(get_current_context(), Context)
        context["ti"].xcom_push("key", [1])
        context["tii"]  # type: ignore[typeddict-item]  # no such key
        return len(str(self.source))


@task
def extract(day: str, *, limit: int = 5) -> dict[str, int]:
    """Arguments may be results of other tasks, so that a call takes anything."""
    return {day: limit}


@task(retries=3, retry_delay=dt.timedelta(seconds=5), multiple_outputs=True)
def transform(values: dict[str, int]) -> dict[str, int]:
    """The decorator with arguments."""
    return values


@dag(schedule=None, tags=["typed"], default_args={"retries": 1})
def pipeline() -> None:
    """A DAG from a function."""
    values = extract("2024-01-01")
    assert_type(values, XComArg)
    outputs = transform(values)
    assert_type(outputs["x"], XComArg)
    extract.override(task_id="again", retries=1)(outputs["x"], limit=7)


assert_type(pipeline(), DAG)
assert_type(extract.function("2024-01-01"), dict[str, int])
extract.function(5)  # type: ignore[arg-type]  # the function itself is checked
task.docker  # type: ignore[attr-defined]  # noqa: B018 - not supported
task(5)  # type: ignore[call-overload]  # no function

with DAG("typed", start_date=dt.datetime(2024, 1, 1, tzinfo=dt.UTC), catchup=False, connections=["db"]) as typed:
    assert_type(typed, DAG)
    first = BashOperator(task_id="first", bash_command="echo 1", env={"A": "b"}, retries=2)
    second = PythonOperator(task_id="second", python_callable=len, op_args=[first.output])
    third = CopyOperator(task_id="third", source=second.output, variables=["v*"])
    last = EmptyOperator(task_id="last")
    assert_type(first >> second, PythonOperator)
    assert_type(first >> [second, third], list[BaseOperator])
    first >> Label("then") >> [second, third] >> last
    last << [second, third]
    first.output >> last
    chain(first, [second, third], last)
    chain_linear(first, [second, third], Label("x"), last)
    cross_downstream([first, second], [third, last])
    BashOperator(task_id="braces", bash_command=literal("echo '{{ }}'"))
    BashOperator(task_id="wrong")  # type: ignore[call-arg]  # bash_command is missing
    first >> "second"  # type: ignore[type-var]  # no task

assert_type(typed.get_task("first"), BaseOperator)
assert_type(typed.tasks, list[BaseOperator])
assert_type(Connection.get("db").password, str | None)
assert_type(Variable.get("key"), Any)
caught: type[AirflowSkipException] = TradewindSkipException
DAG("typed", shedule="@daily")  # type: ignore[call-arg]  # no such argument
EmptyOperator(task_id="typed", pool=5)  # type: ignore[arg-type]  # no name
EmptyOperator(task_id="typed", trigger_rule=TriggerRule.ALL_DONE, execution_timeout=dt.timedelta(hours=1))


@task_group(tooltip="typed")
def section(day: str) -> XComArg:
    """A group from a function."""
    return extract(day)


@setup
def prepare() -> None:
    """A setup task."""


@teardown(on_failure_fail_dagrun=True)
def clean() -> None:
    """A teardown task."""


with DAG(
    "scheduled",
    schedule=CronTriggerTimetable("0 6 * * *", timezone="Europe/Paris"),
    params={"limit": Param(5, type="integer", minimum=1)},
    dagrun_timeout=dt.timedelta(hours=1),
) as scheduled:
    with TaskGroup("group", default_args={"retries": 1}) as group:
        assert_type(EmptyOperator(task_id="in_group").as_setup(), EmptyOperator)
    first >> group >> Label("then") >> last
    chain(group, [first, second], last)
    section("2024-01-01")
    with prepare() >> clean() as scope:
        scope.add_task(extract("2024-01-01"))
    extract(scheduled.param("day", "2024-01-01"))

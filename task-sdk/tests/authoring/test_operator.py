"""Rules of `BaseOperator` and its defaults."""

import datetime as dt
from typing import Any

import pytest

from tradewind.sdk import DAG, BaseOperator, Context, TriggerRule, XComArg, literal, task
from tradewind.sdk.authoring.unsupported import TASK_ARGUMENTS
from tradewind.sdk.exceptions import (
    DagAuthoringError,
    UnknownArgumentError,
    UnsupportedArgumentError,
    UnsupportedFeatureError,
)
from tradewind.sdk.standard.operators.bash import BashOperator
from tradewind.sdk.standard.operators.empty import EmptyOperator


class CopyOperator(BaseOperator):
    template_fields = ("source",)

    def __init__(self, *, source: Any, target: str = "out", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.target = target


class LoudCopyOperator(CopyOperator):
    def __init__(self, *, volume: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.volume = volume


def test_defaults_are_those_of_airflow() -> None:
    operator = EmptyOperator(task_id="a")
    assert operator.retries == 0
    assert operator.retry_delay == dt.timedelta(minutes=5)
    assert operator.queue == "default"
    assert operator.trigger_rule == "all_success"
    assert operator.do_xcom_push is True
    assert operator.has_dag() is False


def test_default_args_fill_in_what_the_signature_takes_at_every_level() -> None:
    defaults = {"retries": 3, "target": "bucket", "volume": 11, "nobody_takes_this": 1}
    with DAG("d", default_args=defaults):
        operator = LoudCopyOperator(task_id="a", source="x")  # type: ignore[call-arg]  # volume has a default
        other = LoudCopyOperator(task_id="b", source="x", volume=1, retries=0)
    assert (operator.retries, operator.target, operator.volume) == (3, "bucket", 11)
    assert (other.retries, other.target, other.volume) == (0, "bucket", 1)


def test_default_args_of_the_task_come_before_those_of_the_dag() -> None:
    with DAG("d", default_args={"retries": 3, "queue": "slow"}):
        operator = EmptyOperator(task_id="a", default_args={"retries": 1})
    assert (operator.retries, operator.queue) == (1, "slow")


def test_an_argument_without_effect_is_refused_from_default_args_too() -> None:
    with (
        DAG("d", default_args={"pool": "small"}),
        pytest.raises(UnsupportedArgumentError, match="pool='small' of task 'a'"),
    ):
        EmptyOperator(task_id="a")


def test_the_default_args_of_airflows_tutorial_are_accepted() -> None:
    defaults = {
        "depends_on_past": False,
        "email": ["someone@example.com"],
        "email_on_failure": False,
        "email_on_retry": False,
        "owner": "someone",
        "start_date": dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        "retries": 1,
        "retry_delay": dt.timedelta(minutes=5),
        "priority_weight": 1,
        "pool": "default_pool",
        "trigger_rule": "all_success",
        "on_failure_callback": None,
    }
    with DAG("tutorial", default_args=defaults):
        assert EmptyOperator(task_id="a").owner == "someone"


def test_email_that_would_be_sent_is_refused() -> None:
    with pytest.raises(UnsupportedArgumentError, match="email="):
        EmptyOperator(task_id="a", email=["someone@example.com"], email_on_retry=False)


@pytest.mark.parametrize("argument", sorted(TASK_ARGUMENTS))
def test_every_argument_of_the_table_is_refused_with_task_dag_and_argument(argument: str) -> None:
    given: dict[str, Any] = {argument: object()}
    with DAG("d"), pytest.raises(UnsupportedArgumentError) as refused:
        EmptyOperator(task_id="a", **given)
    assert f"{argument}=" in str(refused.value)
    assert "task 'a' of DAG 'd'" in str(refused.value)


@pytest.mark.parametrize("argument", sorted(TASK_ARGUMENTS))
def test_every_argument_of_the_table_is_accepted_where_airflow_leaves_it_unused(argument: str) -> None:
    for value in TASK_ARGUMENTS[argument].unused:
        EmptyOperator(task_id="a", **{argument: value})


@pytest.mark.parametrize("rule", [rule for rule in TriggerRule if rule is not TriggerRule.ALL_SUCCESS])
def test_a_trigger_rule_other_than_all_success_is_refused(rule: TriggerRule) -> None:
    with pytest.raises(UnsupportedArgumentError, match=f"trigger_rule='{rule}' of task 'a'"):
        EmptyOperator(task_id="a", trigger_rule=rule)


def test_a_trigger_rule_that_does_not_exist_gets_the_choices() -> None:
    with pytest.raises(DagAuthoringError, match="must be one of all_success"):
        EmptyOperator(task_id="a", trigger_rule="some_success")


def test_an_unknown_argument_gets_the_closest_of_the_whole_class() -> None:
    with pytest.raises(UnknownArgumentError, match="task 'a' has the unknown argument 'volum'. Did you mean 'volume'"):
        LoudCopyOperator(task_id="a", source="x", volume=1, volum=2)
    with pytest.raises(UnknownArgumentError, match="Did you mean 'retries'"):
        EmptyOperator(task_id="a", retrys=2)


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(UnknownArgumentError, match="BashOperator 'a' needs the argument 'bash_command'"):
        BashOperator(task_id="a")  # type: ignore[call-arg]  # wrong on purpose
    with pytest.raises(UnknownArgumentError, match="EmptyOperator needs the argument 'task_id'"):
        EmptyOperator()  # type: ignore[call-arg]  # wrong on purpose


def test_positional_arguments_are_refused() -> None:
    with pytest.raises(UnknownArgumentError, match="keyword arguments only"):
        EmptyOperator("a")  # type: ignore[call-arg]  # wrong on purpose


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"retries": -1}, "retries of task 'a' is -1; it must be from 0"),
        ({"retries": 1.5}, "must be an integer, not float"),
        ({"retries": True}, "must be an integer, not bool"),
        ({"retry_delay": dt.timedelta(seconds=-1)}, "retry_delay of task 'a' is .* at least zero"),
        ({"retry_delay": float("nan")}, "must be a timedelta or a number of seconds"),
        ({"retry_delay": 1e300}, "too long"),
        ({"retry_delay": "5"}, "must be a timedelta or a number of seconds"),
        ({"takeover_after": 0}, "must be above zero"),
        ({"on_cut": "panic"}, "must be one of continue, stop"),
        ({"queue": "a b"}, "queue of task 'a' 'a b' may hold only"),
        ({"executor": ""}, "executor of task 'a' '' may hold only"),
        ({"do_xcom_push": "yes"}, "must be True or False"),
        ({"connections": [""]}, "1 to 250 characters"),
        ({"dag": "d"}, "dag of task 'a' must be a DAG"),
        ({"default_args": 5}, "default_args of a task must be a dict"),
        ({"owner": 5}, "owner of task 'a' must be a string"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_the_argument(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(DagAuthoringError, match=words):
        EmptyOperator(task_id="a", **arguments)


def test_retry_delay_is_a_timedelta_or_seconds() -> None:
    assert EmptyOperator(task_id="a", retry_delay=90).retry_delay == dt.timedelta(seconds=90)
    assert EmptyOperator(task_id="b", retry_delay=0.5).retry_delay == dt.timedelta(milliseconds=500)


def test_results_in_templated_fields_are_dependencies_however_deep() -> None:
    with DAG("d"):
        first, second = EmptyOperator(task_id="first"), EmptyOperator(task_id="second")
        copy = CopyOperator(task_id="copy", source={"a": [first.output, (second.output["k"],)]})
    assert copy.upstream_task_ids == {"first", "second"}
    assert first.downstream_task_ids == {"copy"}


def test_a_result_in_another_field_is_no_dependency() -> None:
    with DAG("d"):
        first = EmptyOperator(task_id="first")
        copy = CopyOperator(task_id="copy", source="x", target=first.output)  # type: ignore[arg-type]  # as Airflow
    assert copy.upstream_task_ids == set()


def test_a_result_that_is_set_later_is_a_dependency() -> None:
    with DAG("d"):
        first = EmptyOperator(task_id="first")
        copy = CopyOperator(task_id="copy", source="x")
        copy.source = first.output
    assert copy.upstream_task_ids == {"first"}


@pytest.mark.parametrize("text", ["echo {{ ds }}", "{% if x %}", "${#array[@]}"])
def test_a_template_is_refused_with_field_and_task(text: str) -> None:
    with pytest.raises(UnsupportedArgumentError, match="source=.* of task 'copy'.*templates.*literal"):
        CopyOperator(task_id="copy", source={"deep": [text]})


def test_a_literal_passes_braces_on() -> None:
    assert CopyOperator(task_id="copy", source=[literal("{{ ds }}")]).source == [literal("{{ ds }}")]


def test_a_result_formatted_into_a_string_is_a_template_and_refused() -> None:
    with DAG("d"):
        first = EmptyOperator(task_id="first")
        with pytest.raises(UnsupportedArgumentError, match="xcom_pull"):
            CopyOperator(task_id="copy", source=f"value: {first.output}")


def test_the_name_of_a_template_file_is_refused() -> None:
    with pytest.raises(UnsupportedArgumentError, match="bash_command='run.sh'.*template files.*add a space"):
        BashOperator(task_id="a", bash_command="run.sh")
    BashOperator(task_id="a", bash_command="run.sh ")


def test_a_field_that_the_operator_never_sets_is_refused() -> None:
    class Forgetful(BaseOperator):
        template_fields = ("missing",)

    with pytest.raises(DagAuthoringError, match="names 'missing' in template_fields"):
        Forgetful(task_id="a")


def test_an_operator_without_execute_says_so() -> None:
    with pytest.raises(NotImplementedError, match="CopyOperator must override execute"):
        CopyOperator(task_id="a", source=1).execute(Context())


def test_output_is_the_returned_value() -> None:
    operator = EmptyOperator(task_id="a")
    assert operator.output == XComArg(operator, "return_value")


def test_methods_of_later_features_are_refused() -> None:
    operator = EmptyOperator(task_id="a")
    for call in (
        operator.as_setup,
        operator.as_teardown,
        operator.defer,
        EmptyOperator.partial,
        operator.output.as_setup,
    ):
        with pytest.raises(UnsupportedFeatureError, match="does not support it yet"):
            call()


def test_a_task_without_a_dag_has_no_dag_to_give() -> None:
    with pytest.raises(DagAuthoringError, match="Task 'a' has no DAG yet"):
        _ = EmptyOperator(task_id="a").dag


def test_neighbours_are_listed() -> None:
    with DAG("d"):
        a, b = EmptyOperator(task_id="a"), EmptyOperator(task_id="b")
        a >> b
    assert a.downstream_list == [b]
    assert b.upstream_list == [a]


def test_attributes_that_are_set_later_are_checked_before_serialization() -> None:
    operator = EmptyOperator(task_id="a")
    operator.doc_md = "words"
    operator.retries = -2
    with pytest.raises(DagAuthoringError, match="retries of task 'a' is -2"):
        operator.check()


def test_the_class_of_an_operator_is_its_type() -> None:
    @task
    def f() -> None: ...

    with DAG("d") as declared:
        f()
    assert declared.get_task("f").task_type == "_PythonDecoratedOperator"

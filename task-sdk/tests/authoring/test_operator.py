"""Rules of `BaseOperator` and its defaults."""

import datetime as dt
from typing import Any

import pytest

from tradewind.sdk import DAG, BaseOperator, Context, Param, TaskGroup, TriggerRule, XComArg, literal, task
from tradewind.sdk.authoring.serialize import serialize_dag
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
    assert (operator.pool, operator.pool_slots, operator.priority_weight) == ("default_pool", 1, 1)
    assert (operator.weight_rule, operator.isolation, operator.params.dump()) == ("downstream", "fork", {})
    assert (operator.depends_on_past, operator.ignore_first_depends_on_past) == (False, True)
    assert (operator.retry_exponential_backoff, operator.max_retry_delay, operator.execution_timeout) == (0, None, None)


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
        EmptyOperator(task_id="a", email=["someone@example.com"], email_on_retry=False)  # type: ignore[call-arg]  # refused


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


@pytest.mark.parametrize("rule", TriggerRule)
def test_every_trigger_rule_is_taken_as_word_or_name(rule: TriggerRule) -> None:
    assert EmptyOperator(task_id="a", trigger_rule=rule).trigger_rule is rule
    assert EmptyOperator(task_id="b", trigger_rule=str(rule)).trigger_rule is rule


def test_a_trigger_rule_that_does_not_exist_gets_the_choices() -> None:
    with pytest.raises(DagAuthoringError, match="must be one of all_success"):
        EmptyOperator(task_id="a", trigger_rule="some_success")


def test_an_unknown_argument_gets_the_closest_of_the_whole_class() -> None:
    with pytest.raises(UnknownArgumentError, match="task 'a' has the unknown argument 'volum'. Did you mean 'volume'"):
        LoudCopyOperator(task_id="a", source="x", volume=1, volum=2)
    with pytest.raises(UnknownArgumentError, match="Did you mean 'retries'"):
        EmptyOperator(task_id="a", retrys=2)  # type: ignore[call-arg]  # wrong on purpose


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
        ({"pool_slots": 0}, "pool_slots of task 'a' is 0; it must be from 1"),
        ({"pool": 5}, "pool of task 'a' must be a string"),
        ({"priority_weight": 2**31}, "it must be from -2147483648 to 2147483647"),
        ({"weight_rule": "mine"}, "must be one of downstream, upstream, absolute"),
        ({"execution_timeout": 60}, "execution_timeout of task 'a' must be a timedelta"),
        ({"execution_timeout": dt.timedelta(0)}, "must be above zero"),
        ({"retry_exponential_backoff": 0.5}, "must be True, False, or a factor from 1 to 1000"),
        ({"retry_policy": print}, "must be a RetryPolicy"),
        ({"max_retry_delay": -1}, "at least zero"),
        ({"isolation": "thread"}, "must be one of fork, spawn, reuse"),
        ({"max_active_tis_per_dag": 0}, "it must be from 1"),
        ({"depends_on_past": 1}, "depends_on_past of task 'a' must be True or False"),
        ({"start_date": "2024-01-01"}, "start_date of task 'a' must be a datetime"),
        ({"params": [1]}, "params of task 'a' must be a dict"),
        ({"pre_execute": 5}, "pre_execute of task 'a' must be a function"),
        ({"task_display_name": 5}, "task_display_name of task 'a' must be a string"),
        ({"task_group": "g"}, "task_group of task 'a' must be a TaskGroup"),
        ({"trigger_dags": "d"}, "trigger_dags of task 'a' must be a list of names"),
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


def test_a_literal_passes_braces_on() -> None:
    assert CopyOperator(task_id="copy", source=[literal("{{ ds }}")]).source == [literal("{{ ds }}")]


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
    for call in (operator.defer, EmptyOperator.partial):
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


def test_a_back_off_is_a_factor_or_a_flag() -> None:
    given = [True, False, None, 0, 1, 3, 1.5]
    operators = [EmptyOperator(task_id=f"a{n}", retry_exponential_backoff=one) for n, one in enumerate(given)]  # type: ignore[arg-type]  # None from default_args
    assert [operator.retry_exponential_backoff for operator in operators] == [2.0, 0.0, 0.0, 0.0, 1.0, 3.0, 1.5]


def test_who_waits_for_downstream_depends_on_the_past() -> None:
    assert EmptyOperator(task_id="a", wait_for_downstream=True).depends_on_past is True


def test_no_pool_is_the_default_pool() -> None:
    assert EmptyOperator(task_id="a", pool=None).pool == "default_pool"


def test_default_args_come_from_dag_then_groups_then_the_task() -> None:
    with (
        DAG("d", default_args={"retries": 1, "queue": "dag", "owner": "dag", "pool": "dag"}),
        TaskGroup("outer", default_args={"queue": "outer", "owner": "outer", "pool": "outer"}),
        TaskGroup("inner", default_args={"owner": "inner", "pool": "inner"}),
    ):
        operator = EmptyOperator(task_id="a", default_args={"pool": "own"})
    assert (operator.retries, operator.queue, operator.owner, operator.pool) == (1, "outer", "inner", "own")


def test_params_of_a_task_are_those_of_its_dag_and_its_own() -> None:
    with DAG("d", params={"a": 1, "b": Param(2, type="integer")}) as dag:
        operator = EmptyOperator(task_id="t", params={"b": 5, "c": 6})
        plain = EmptyOperator(task_id="plain")
    assert operator.params.dump() == {"a": 1, "b": 5, "c": 6}
    assert (plain.params.dump(), dag.params.dump()) == ({"a": 1, "b": 2}, {"a": 1, "b": 2})


def test_the_name_for_people_is_the_id_unless_one_is_given() -> None:
    with DAG("d"), TaskGroup("g"):
        plain, named = EmptyOperator(task_id="a"), EmptyOperator(task_id="b", task_display_name="Words")
    assert (plain.task_display_name, plain.label) == ("g.a", "a")
    assert (named.task_display_name, named.label) == ("Words", "Words")


def test_the_logger_has_the_name_of_the_class_unless_one_is_given() -> None:
    name = "tradewind.task.operators."
    assert EmptyOperator(task_id="a").log.name == f"{name}{EmptyOperator.__module__}.EmptyOperator"
    assert EmptyOperator(task_id="b", logger_name="mine").log.name == f"{name}mine"


def test_relatives_near_and_far() -> None:
    with DAG("d"):
        a, b, c = (EmptyOperator(task_id=name) for name in "abc")
        a >> b >> c
    assert a.get_flat_relatives() == [b, c]
    assert c.get_flat_relative_ids(upstream=True) == {"a", "b"}
    assert (b.get_direct_relatives(), b.get_direct_relative_ids(upstream=True)) == ([c], {"a"})


def test_an_attribute_of_a_class_is_no_default() -> None:
    class Owned(EmptyOperator):
        queue = "of the class"

    assert Owned(task_id="a").queue == "default"


def test_retries_may_be_digits_of_an_environment_variable() -> None:
    with DAG("d"):
        assert EmptyOperator(task_id="a", retries="3").retries == 3
        with pytest.raises(DagAuthoringError, match="retries of task 'b' of DAG 'd' must be an integer, not str"):
            EmptyOperator(task_id="b", retries="many")


def test_none_stands_for_the_default_of_queue_and_retry_delay() -> None:
    with DAG("d"):
        task = EmptyOperator(task_id="a", queue=None, retry_delay=None)
    assert (task.queue, task.retry_delay) == ("default", dt.timedelta(minutes=5))


def test_a_priority_strategy_of_ones_own_is_refused() -> None:
    with DAG("d"), pytest.raises(UnsupportedArgumentError, match="priority strategies of your own"):
        EmptyOperator(task_id="a", weight_rule=object())  # type: ignore[arg-type]  # what is tested


def test_operators_see_arguments_without_effect_as_unused() -> None:
    with DAG("d"):
        task = EmptyOperator(task_id="a", email_on_failure=False)
    assert (task.email, task.email_on_failure, task.email_on_retry) == (None, False, True)
    assert (task.inlets, task.outlets, task.on_failure_callback) == ([], [], None)


@pytest.mark.parametrize("name", ["on_failure_callback", "outlets"])
def test_an_attribute_that_would_have_an_effect_in_airflow_is_refused_before_serialization(name: str) -> None:
    with DAG("d") as dag:
        task = EmptyOperator(task_id="a")
    setattr(task, name, [print])
    with pytest.raises(UnsupportedArgumentError, match=f"{name}=.* of task 'a' of DAG 'd'"):
        serialize_dag(dag)


def test_an_operator_may_use_names_of_refused_arguments_for_its_own_things() -> None:
    class Mail(BaseOperator):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.email = "a@example.org"

    with DAG("d") as dag:
        Mail(task_id="a")
    assert [task.task_id for task in serialize_dag(dag).tasks] == ["a"]

"""Rules of `PythonOperator`, and of the context by parameter names."""

import functools
import logging
from typing import Any, cast

import pytest

from tradewind.sdk import DAG, Context
from tradewind.sdk.authoring.callables import call_with_context
from tradewind.sdk.authoring.context import ContextValues
from tradewind.sdk.exceptions import DagAuthoringError, TradewindException
from tradewind.sdk.standard.operators.empty import EmptyOperator
from tradewind.sdk.standard.operators.python import PythonOperator, get_current_context

CONTEXT = cast("Context", ContextValues(ti="the ti", run_id="the run", ds="2024-01-01"))


def run(function: Any, *args: Any, **kwargs: Any) -> Any:
    return PythonOperator(task_id="a", python_callable=function, op_args=args, op_kwargs=kwargs).execute(CONTEXT)


def test_arguments_and_the_context_reach_the_function_by_name() -> None:
    def f(number: int, ti: str, *, name: str, ds: str | None = None) -> tuple[Any, ...]:
        return number, ti, name, ds

    assert run(f, 1, name="n") == (1, "the ti", "n", "2024-01-01")


def test_two_asterisks_take_the_whole_context() -> None:
    def f(number: int, **context: Any) -> tuple[int, set[str]]:
        return number, set(context)

    assert run(f, 1, extra=2) == (1, {"ti", "run_id", "ds", "extra"})


def test_a_function_that_wants_nothing_gets_nothing() -> None:
    assert run(lambda: 5) == 5
    assert run(functools.partial(max, 1), 2) == 2
    assert run(max, 1, 2) == 2


def test_an_own_argument_comes_before_the_context() -> None:
    assert run(lambda ds: ds, ds="mine") == "mine"


def test_a_positional_argument_cannot_take_the_place_of_the_context() -> None:
    with pytest.raises(ValueError, match="Parameter 'ds' of .* rename it"):
        run(lambda ds: ds, "mine")


def test_a_key_that_the_context_has_not_says_why() -> None:
    with pytest.raises(KeyError, match="no 'logical_date': the run was triggered without a logical date"):
        run(lambda logical_date: logical_date)
    assert run(lambda logical_date=None: logical_date) is None


def test_positional_only_parameters_are_not_given_by_name() -> None:
    def f(number: int, /, run_id: str) -> tuple[int, str]:
        return number, run_id

    assert call_with_context(f, [1], {}, CONTEXT) == (1, "the run")


def test_what_was_returned_is_logged_unless_it_is_private(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    run(lambda: "shown")
    PythonOperator(task_id="a", python_callable=lambda: "hidden", show_return_value_in_logs=False).execute(CONTEXT)
    assert caplog.messages == ["Done. Returned value was: shown", "Done. Returned value not shown"]


def test_arguments_may_be_results_of_tasks() -> None:
    with DAG("d"):
        first = EmptyOperator(task_id="first")
        one = PythonOperator(task_id="one", python_callable=print, op_args=[first.output])
        two = PythonOperator(task_id="two", python_callable=print, op_kwargs=first.output)
    assert one.upstream_task_ids == two.upstream_task_ids == {"first"}
    two.__dict__["op_kwargs"] = 5
    with pytest.raises(TradewindException, match="tuple as op_args and int as op_kwargs"):
        two.execute(CONTEXT)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"python_callable": 5}, "python_callable of task 'a' needs a function, not 5"),
        ({"python_callable": print, "op_args": "text"}, "op_args of task 'a' must be a list"),
        ({"python_callable": print, "op_kwargs": [1]}, "op_kwargs of task 'a' must be a dict"),
    ],
)
def test_arguments_that_cannot_be_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(DagAuthoringError, match=words):
        PythonOperator(task_id="a", **arguments)


def test_an_asynchronous_function_runs_in_a_loop_of_its_own() -> None:
    async def double(number: int) -> int:
        return number * 2

    with DAG("d") as dag:
        PythonOperator(task_id="a", python_callable=double, op_args=[21])
    assert dag.test().xcom("a") == 42


def test_the_module_has_the_names_of_airflows() -> None:
    assert get_current_context.__name__ == "get_current_context"


def test_what_an_asterisk_takes_leaves_the_parameters_behind_it_to_names() -> None:
    def f(first: int, *more: int, ti: str, last: int = 0) -> tuple[Any, ...]:
        return first, more, ti, last

    assert run(f, 1, 2, 3, 4, last=5) == (1, (2, 3, 4), "the ti", 5)

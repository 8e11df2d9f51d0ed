"""Rules of `@task`."""

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

import pytest

from tradewind.sdk import DAG, BaseOperator, XComArg, task
from tradewind.sdk.exceptions import DagAuthoringError, UnknownArgumentError, UnsupportedFeatureError


@task
def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


def made(result: XComArg) -> BaseOperator:
    assert isinstance(result.operator, BaseOperator)
    return result.operator


def test_a_call_makes_a_task_named_like_the_function() -> None:
    with DAG("d") as dag:
        result = double(2)
    assert dag.task_ids == ["double"]
    assert result == made(result).output
    assert made(result).doc_md == "Twice the number."


def test_every_further_call_gets_a_number() -> None:
    with DAG("d") as dag:
        for _ in range(3):
            double(1)
        double.override(task_id="other")(1)
        double.override(task_id="other")(1)
    assert dag.task_ids == ["double", "double__1", "double__2", "other", "other__1"]


def test_a_call_outside_a_dag_is_refused_with_the_way_to_call_the_function() -> None:
    with pytest.raises(DagAuthoringError, match=r"double\(\) is a task and was called outside a DAG.*double.function"):
        double(2)
    assert double.function(2) == 4
    assert double.__wrapped__(3) == 6  # type: ignore[attr-defined]  # functools sets it
    assert double.__name__ == "double"  # type: ignore[attr-defined]  # functools sets it


def test_arguments_of_the_operator_are_given_to_the_decorator_and_overridden() -> None:
    @task(task_id="named", retries=2, queue="slow")
    def f() -> None: ...

    @task.python(retries=1)
    def g() -> None: ...

    with DAG("d") as dag:
        f()
        f.override(retries=5, task_id="again")()
        g()
    assert [(one.task_id, one.retries, one.queue) for one in dag.tasks] == [
        ("named", 2, "slow"),
        ("again", 5, "slow"),
        ("g", 1, "default"),
    ]


def test_results_among_the_arguments_are_dependencies() -> None:
    @task
    def total(numbers: list[int], *, extra: dict[str, int]) -> int:
        return sum(numbers) + sum(extra.values())

    with DAG("d") as dag:
        total([double(1), double(2)], extra={"x": double(3)})
    assert dag.get_task("total").upstream_task_ids == {"double", "double__1", "double__2"}


def test_arguments_that_the_function_does_not_take_are_refused() -> None:
    with DAG("d"):
        with pytest.raises(DagAuthoringError, match="double.* missing a required argument: 'number'"):
            double()
        with pytest.raises(DagAuthoringError, match="too many positional arguments"):
            double(1, 2)
        with pytest.raises(DagAuthoringError, match="unexpected keyword argument 'numbr'"):
            double(1, numbr=1)


def test_parameters_named_like_the_context_need_no_argument() -> None:
    @task
    def f(ti: Any, number: int, run_id: str, ds: str | None = None, **context: Any) -> None: ...

    with DAG("d") as dag:
        f(number=1)
        with pytest.raises(DagAuthoringError, match="missing a required argument: 'number'"):
            f()
        with pytest.raises(DagAuthoringError, match="'ti' of .* cannot be given by position"):
            f(1, 2)
    assert dag.task_ids == ["f"]


def test_a_parameter_for_the_context_has_no_default_but_none() -> None:
    @task
    def f(ds: str = "today") -> None: ...

    with DAG("d"), pytest.raises(DagAuthoringError, match="'ds' of .* can only be None"):
        f()


class Pair(TypedDict):
    x: int


def a() -> dict[str, int]: ...  # type: ignore[empty-body]  # the annotation is what counts
def b() -> Mapping[str, Any]: ...  # type: ignore[empty-body]  # the annotation is what counts
def c() -> Pair: ...  # type: ignore[empty-body]  # the annotation is what counts
def d() -> list[int]: ...  # type: ignore[empty-body]  # the annotation is what counts
def e(): ...  # type: ignore[no-untyped-def]  # noqa: ANN201 - without an annotation
def f() -> "Unknown": ...  # type: ignore[name-defined]  # noqa: F821 - a name that is not there


@pytest.mark.parametrize(("function", "several"), [(a, True), (b, True), (c, True), (d, False), (e, False), (f, False)])
def test_the_annotation_says_whether_there_are_multiple_outputs(function: Any, several: bool) -> None:
    with DAG("d"):
        assert made(task(function)()).multiple_outputs is several
        assert made(task(multiple_outputs=not several)(function)()).multiple_outputs is not several


def test_flavours_of_later_versions_are_refused() -> None:
    for flavour in ("sensor", "docker"):
        with pytest.raises(UnsupportedFeatureError, match=f"@task.{flavour} is known in Airflow"):
            getattr(task, flavour)
    with pytest.raises(AttributeError, match="no @task.nonsense"):
        _ = task.nonsense  # type: ignore[attr-defined]  # wrong on purpose


def test_mapping_is_refused() -> None:
    calls: list[Callable[[], object]] = [
        lambda: double.expand(number=[1]),
        lambda: double.partial(number=1),
        lambda: double.expand_kwargs([]),
    ]
    for call in calls:
        with pytest.raises(UnsupportedFeatureError, match="mapped tasks"):
            call()


def test_asynchronous_generators_are_refused() -> None:
    async def rows() -> Any:
        yield 1

    with pytest.raises(UnsupportedFeatureError, match=r"asynchronous generator \(.*rows\(\)\)"):
        task(rows)


def test_something_that_is_no_function_is_refused() -> None:
    with pytest.raises(DagAuthoringError, match="@task needs a function, not 5"):
        task(5)  # type: ignore[call-overload]  # wrong on purpose


def test_an_unknown_argument_of_the_operator_is_refused_when_a_task_is_made() -> None:
    with DAG("d"), pytest.raises(UnknownArgumentError, match="'retires'. Did you mean 'retries'"):
        double.override(retires=1)(1)


def test_a_lambda_needs_a_task_id() -> None:
    with DAG("d") as dag:
        with pytest.raises(DagAuthoringError, match="task_id '<lambda>' may hold only"):
            task(lambda: 1)()
        task(task_id="one")(lambda: 1)()
    assert dag.task_ids == ["one"]


def test_what_an_asterisk_takes_is_not_given_to_a_parameter_for_the_context() -> None:
    with DAG("d"):

        @task
        def total(*numbers: int, ti: Any) -> int:
            return sum(numbers)

        assert made(total(1, 2, 3)).task_id == "total"


def test_the_argument_that_hides_return_values_is_taken() -> None:
    with DAG("d"):
        assert made(task(show_return_value_in_logs=False)(double)(1)).task_id == "double"

"""`@setup` and `@teardown`: functions whose calls make setup and teardown tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, overload

from tradewind.sdk.authoring.task_decorator import DecoratedTask, task
from tradewind.sdk.authoring.task_group_decorator import TaskGroupFactory
from tradewind.sdk.exceptions import DagAuthoringError

P = ParamSpec("P")
R = TypeVar("R")


@overload
def setup(func: DecoratedTask[P, R]) -> DecoratedTask[P, R]: ...
@overload
def setup(func: Callable[P, R]) -> DecoratedTask[P, R]: ...
def setup(func: Any) -> Any:
    """Make a function, or what `@task` and its flavours made of one, a setup task.

    Raises:
        DagAuthoringError: it is a task group, or no function.
    """
    decorated = _task(func, "setup")
    decorated.is_setup = True
    return decorated


@overload
def teardown(_func: DecoratedTask[P, R]) -> DecoratedTask[P, R]: ...
@overload
def teardown(_func: Callable[P, R]) -> DecoratedTask[P, R]: ...
@overload
def teardown(*, on_failure_fail_dagrun: bool = False) -> Callable[[Callable[P, R]], DecoratedTask[P, R]]: ...
def teardown(_func: Any = None, *, on_failure_fail_dagrun: bool = False) -> Any:
    """Make a function, or what `@task` and its flavours made of one, a teardown task.

    Args:
        _func: the function, when the decorator stands without parentheses.
        on_failure_fail_dagrun: whether a failure of the task fails the run.

    Raises:
        DagAuthoringError: it is a task group, or no function.
    """

    def decorate(func: Any) -> DecoratedTask[Any, Any]:
        decorated = _task(func, "teardown")
        decorated.is_teardown = True
        decorated.on_failure_fail_dagrun = on_failure_fail_dagrun
        return decorated

    return decorate if _func is None else decorate(_func)


def _task(func: Any, role: str) -> DecoratedTask[Any, Any]:
    if isinstance(func, TaskGroupFactory):
        raise DagAuthoringError(f"Task groups cannot be marked as setup or teardown: @{role} above @task_group.")
    if isinstance(func, DecoratedTask):
        return func
    decorated: DecoratedTask[Any, Any] = task(func)
    return decorated

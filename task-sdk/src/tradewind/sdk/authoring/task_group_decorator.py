"""`@task_group`: a function whose call makes a task group."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar, overload

from tradewind.sdk.authoring import arguments as check
from tradewind.sdk.authoring.callables import function_name
from tradewind.sdk.authoring.task_group import TaskGroup
from tradewind.sdk.authoring.unsupported import unsupported
from tradewind.sdk.exceptions import DagAuthoringError

P = ParamSpec("P")
R = TypeVar("R")

_KNOWN = frozenset(inspect.signature(TaskGroup).parameters)


class TaskGroupFactory(Generic[P, R]):
    """A function that makes a task group of the surrounding DAG when it is called.

    Args:
        function: creates the tasks of the group.
        arguments: arguments of the group.
    """

    def __init__(self, function: Callable[P, R], arguments: dict[str, Any]) -> None:
        if not callable(function):
            raise DagAuthoringError(f"@task_group decorates a function, not {function!r}.")
        check.refuse_unknown(sorted(arguments.keys() - _KNOWN), _KNOWN, f"@task_group of {function_name(function)}")
        functools.update_wrapper(self, function)
        self.function = function
        self.arguments = arguments

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the group and the tasks in it.

        Returns:
            What the function returns, so that arrows and arguments reach the task that it chose; the group itself when
            the function returns nothing.

        Raises:
            DagAuthoringError: no DAG is open, or the function does not take these arguments.
        """
        given = {"group_id": getattr(self.function, "__name__", ""), **self.arguments}
        try:
            inspect.signature(self.function).bind(*args, **kwargs)
        except TypeError as error:
            raise DagAuthoringError(f"{function_name(self.function)} cannot be called like this: {error}.") from None
        with TaskGroup(**{**given, "add_suffix_on_collision": True}) as group:
            if self.function.__doc__ and not group.tooltip:
                group.tooltip = inspect.cleandoc(self.function.__doc__)
            result = self.function(*args, **kwargs)
        return group if result is None else result

    def override(self, **arguments: Any) -> TaskGroupFactory[P, R]:
        """The same function with other arguments of the group: `load.override(group_id="again")()`."""
        return TaskGroupFactory(self.function, {**self.arguments, **arguments})

    def expand(self, **arguments: object) -> NoReturn:
        raise unsupported(f"{function_name(self.function)}.expand()", "mapped task groups")

    def expand_kwargs(self, arguments: object) -> NoReturn:
        raise unsupported(f"{function_name(self.function)}.expand_kwargs()", "mapped task groups")

    def partial(self, **arguments: object) -> NoReturn:
        raise unsupported(f"{function_name(self.function)}.partial()", "mapped task groups")


@overload
def task_group(python_callable: Callable[P, R]) -> TaskGroupFactory[P, R]: ...
@overload
def task_group(
    python_callable: str | None = None, **arguments: Any
) -> Callable[[Callable[P, R]], TaskGroupFactory[P, R]]: ...
def task_group(python_callable: Any = None, **arguments: Any) -> Any:
    """Make a function declare a task group: tasks that its body creates join it. Each call makes a group of its own.

    Args:
        python_callable: the function, when the decorator stands without parentheses; otherwise the group id.
        arguments: as for `TaskGroup`. The group id is the function's name and the tooltip its docstring unless given.

    Raises:
        UnknownArgumentError: task groups have no argument of this name.
    """
    if callable(python_callable):
        return TaskGroupFactory(python_callable, arguments)
    given = arguments if python_callable is None else {"group_id": python_callable, **arguments}
    return lambda function: TaskGroupFactory(function, given)

"""`@task`: a function whose call makes a task."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, TypeVar, overload

from tradewind.sdk.authoring.callables import (
    call_with_context,
    check_call,
    check_callable,
    function_name,
    returns_mapping,
)
from tradewind.sdk.authoring.dag import DAG
from tradewind.sdk.authoring.dag_context import current_dag
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.authoring.unsupported import unsupported
from tradewind.sdk.authoring.xcom_arg import XComArg
from tradewind.sdk.exceptions import DagAuthoringError

if TYPE_CHECKING:
    from tradewind.sdk.authoring.context import Context

P = ParamSpec("P")
R = TypeVar("R")

_FLAVOURS = {
    "agent": "agent tasks",
    "bash": "@task.bash; BashOperator runs Bash commands",
    "branch": "branching",
    "branch_external_python": "branching",
    "branch_virtualenv": "branching",
    "docker": "tasks in containers",
    "external_python": "tasks in other environments",
    "kubernetes": "tasks in containers",
    "kubernetes_cmd": "tasks in containers",
    "llm": "agent tasks",
    "pyspark": "Spark tasks",
    "run_if": "conditions on tasks",
    "sensor": "sensors",
    "short_circuit": "short circuits",
    "skip_if": "conditions on tasks",
    "stub": "tasks in other languages",
    "virtualenv": "tasks in other environments",
}


class _PythonDecoratedOperator(BaseOperator):
    """The task that a call of a `@task` function makes. The name is what people know it by in Airflow."""

    template_fields = ("op_args", "op_kwargs")

    def __init__(
        self, *, python_callable: Callable[..., Any], op_args: Sequence[Any], op_kwargs: dict[str, Any], **kwargs: Any
    ) -> None:
        self.python_callable = python_callable
        self.op_args = op_args
        self.op_kwargs = op_kwargs
        super().__init__(**kwargs)

    def execute(self, context: Context) -> Any:
        return call_with_context(self.python_callable, self.op_args, self.op_kwargs, context)


class DecoratedTask(Generic[P, R]):
    """A function that makes a task of the surrounding DAG when it is called.

    Args:
        function: what the task runs.
        arguments: arguments of the operator.
    """

    def __init__(self, function: Callable[P, R], arguments: dict[str, Any]) -> None:
        check_callable(function, "@task")
        functools.update_wrapper(self, function)
        self.function = function
        self.arguments = arguments

    def __call__(self, *args: Any, **kwargs: Any) -> XComArg:
        """Make a task; results of other tasks among the arguments are dependencies.

        Raises:
            DagAuthoringError: no DAG is open, or the function does not take these arguments.
        """
        given = dict(self.arguments)
        dag = given.get("dag") or current_dag()
        name = function_name(self.function)
        if not isinstance(dag, DAG):
            raise DagAuthoringError(
                f"{name} is a task and was called outside a DAG. Call it inside `with DAG(...):` or a @dag function; "
                f"to run the function itself, call {getattr(self.function, '__name__', 'it')}.function(...)."
            )
        check_call(self.function, args, kwargs)
        task_id = given.pop("task_id", None) or getattr(self.function, "__name__", None)
        if given.get("multiple_outputs") is None:
            given["multiple_outputs"] = returns_mapping(self.function)
        operator = _PythonDecoratedOperator(
            task_id=dag.unique_task_id(task_id) if isinstance(task_id, str) else task_id,
            python_callable=self.function,
            op_args=list(args),
            op_kwargs=kwargs,
            **given,
        )
        if operator.doc_md is None and self.function.__doc__:
            operator.doc_md = inspect.cleandoc(self.function.__doc__)
        return XComArg(operator)

    def override(self, **arguments: Any) -> DecoratedTask[P, R]:
        """The same function with other arguments of the operator: `extract.override(task_id="again", retries=3)()`."""
        return DecoratedTask(self.function, {**self.arguments, **arguments})

    def expand(self, **arguments: object) -> NoReturn:
        raise unsupported(f"{function_name(self.function)}.expand()", "mapped tasks")

    def expand_kwargs(self, arguments: object) -> NoReturn:
        raise unsupported(f"{function_name(self.function)}.expand_kwargs()", "mapped tasks")

    def partial(self, **arguments: object) -> NoReturn:
        raise unsupported(f"{function_name(self.function)}.partial()", "mapped tasks")


class TaskDecorator:
    """`@task`, `@task(...)` and `@task.python`."""

    @overload
    def __call__(self, python_callable: Callable[P, R]) -> DecoratedTask[P, R]: ...
    @overload
    def __call__(
        self, *, multiple_outputs: bool | None = None, **arguments: Any
    ) -> Callable[[Callable[P, R]], DecoratedTask[P, R]]: ...
    def __call__(
        self,
        python_callable: Callable[..., Any] | None = None,
        *,
        multiple_outputs: bool | None = None,
        **arguments: Any,
    ) -> Any:
        """Make a function a task.

        Args:
            python_callable: the function, when the decorator stands without parentheses.
            multiple_outputs: whether the function returns a dict each of whose values is kept under its own key, too;
                its annotation says so unless this does.
            arguments: arguments of the operator, such as `task_id` or `retries`.
        """
        given = {**arguments, "multiple_outputs": multiple_outputs}
        if python_callable is None:
            return lambda function: DecoratedTask(function, given)
        return DecoratedTask(python_callable, given)

    @property
    def python(self) -> TaskDecorator:
        """The same decorator by its long name."""
        return self

    if not TYPE_CHECKING:  # a type checker is to see that these do not exist

        def __getattr__(self, name: str) -> NoReturn:
            if name in _FLAVOURS:
                raise unsupported(f"@task.{name}", _FLAVOURS[name])
            raise AttributeError(f"There is no @task.{name}.")


task = TaskDecorator()

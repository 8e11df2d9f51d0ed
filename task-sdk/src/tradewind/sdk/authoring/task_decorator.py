"""`@task`: a function whose call makes a task."""

from __future__ import annotations

import functools
import importlib
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
from tradewind.sdk.authoring.dag_context import current_dag
from tradewind.sdk.authoring.dependencies import AbstractDag, AbstractTaskGroup
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.authoring.run_conditions import run_if, skip_if
from tradewind.sdk.authoring.unsupported import unsupported
from tradewind.sdk.authoring.xcom_arg import XComArg
from tradewind.sdk.exceptions import DagAuthoringError

if TYPE_CHECKING:
    from tradewind.sdk.authoring.context import Context

P = ParamSpec("P")
R = TypeVar("R")

_FLAVOURS = {
    name: f"tradewind.sdk.standard.decorated:{operator_class}"
    for name, operator_class in {
        "bash": "_BashDecoratedOperator",
        "branch": "_BranchPythonDecoratedOperator",
        "branch_external_python": "_BranchExternalPythonDecoratedOperator",
        "branch_virtualenv": "_BranchPythonVirtualenvDecoratedOperator",
        "external_python": "_PythonExternalDecoratedOperator",
        "short_circuit": "_ShortCircuitDecoratedOperator",
        "virtualenv": "_PythonVirtualenvDecoratedOperator",
    }.items()
}
"""Flavours and the classes of their tasks, which are loaded when a flavour is first used."""

_UNSUPPORTED_FLAVOURS = {
    "agent": "agent tasks",
    "docker": "tasks in containers",
    "kubernetes": "tasks in containers",
    "kubernetes_cmd": "tasks in containers",
    "llm": "agent tasks",
    "pyspark": "Spark tasks",
    "sensor": "sensors",
    "stub": "tasks in other languages",
}


class _PythonDecoratedOperator(BaseOperator):
    """The task that a call of a `@task` function makes. The name is what people know it by in Airflow."""

    custom_operator_name = "@task"
    template_fields = ("templates_dict", "op_args", "op_kwargs")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Sequence[Any],
        op_kwargs: dict[str, Any],
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        show_return_value_in_logs: bool = True,
        **kwargs: Any,
    ) -> None:
        self.python_callable = python_callable
        self.op_args = op_args
        self.op_kwargs = op_kwargs
        self.templates_dict = templates_dict
        if templates_exts:
            self.template_ext = tuple(templates_exts)
        super().__init__(**kwargs)

    def execute(self, context: Context) -> Any:
        if self.templates_dict is not None:
            context["templates_dict"] = self.templates_dict
        return call_with_context(self.python_callable, self.op_args, self.op_kwargs, context)


class DecoratedTask(Generic[P, R]):
    """A function that makes a task of the surrounding DAG when it is called.

    Args:
        function: what the task runs.
        arguments: arguments of the operator.
        operator_class: class of the tasks that it makes.

    Attributes:
        is_setup: whether it makes setup tasks.
        is_teardown: whether it makes teardown tasks.
        on_failure_fail_dagrun: whether the failure of such a teardown task fails the run.
    """

    is_setup = False
    is_teardown = False
    on_failure_fail_dagrun = False

    def __init__(
        self,
        function: Callable[P, R],
        arguments: dict[str, Any],
        operator_class: Callable[..., BaseOperator] = _PythonDecoratedOperator,
    ) -> None:
        check_callable(function, "@task")
        functools.update_wrapper(self, function)
        self.function = function
        self.arguments = arguments
        self.operator_class = operator_class

    def __call__(self, *args: Any, **kwargs: Any) -> XComArg:
        """Make a task; results of other tasks among the arguments are dependencies.

        Raises:
            DagAuthoringError: no DAG is open, or the function does not take these arguments.
        """
        given = dict(self.arguments)
        group = given.get("task_group")
        dag = given.get("dag") or (group.dag if isinstance(group, AbstractTaskGroup) else current_dag())
        name = function_name(self.function)
        if not isinstance(dag, AbstractDag):
            raise DagAuthoringError(
                f"{name} is a task and was called outside a DAG. Call it inside `with DAG(...):` or a @dag function; "
                f"to run the function itself, call {getattr(self.function, '__name__', 'it')}.function(...)."
            )
        check_call(self.function, args, kwargs)
        task_id = given.pop("task_id", None) or getattr(self.function, "__name__", None)
        if given.get("multiple_outputs") is None:
            given["multiple_outputs"] = returns_mapping(self.function)
        fails_run = given.pop("on_failure_fail_dagrun", self.on_failure_fail_dagrun)
        operator = self.operator_class(
            task_id=dag.unique_task_id(task_id, group) if isinstance(task_id, str) else task_id,
            python_callable=self.function,
            op_args=list(args),
            op_kwargs=kwargs,
            **given,
        )
        if operator.doc_md is None and self.function.__doc__:
            operator.doc_md = inspect.cleandoc(self.function.__doc__)
        self._give_role(operator, fails_run)
        return XComArg(operator)

    def _give_role(self, operator: BaseOperator, fails_run: bool) -> None:  # noqa: FBT001 - an argument of Airflow's
        if self.is_setup:
            operator.as_setup()
        if self.is_teardown:
            if "trigger_rule" in self.arguments:
                raise DagAuthoringError(f"The trigger rule of the teardown task {operator.task_id!r} cannot be chosen.")
            operator.as_teardown(on_failure_fail_dagrun=fails_run)

    def override(self, **arguments: Any) -> DecoratedTask[P, R]:
        """The same function with other arguments of the operator: `extract.override(task_id="again", retries=3)()`."""
        other = DecoratedTask(self.function, {**self.arguments, **arguments}, self.operator_class)
        other.is_setup, other.is_teardown = self.is_setup, self.is_teardown
        other.on_failure_fail_dagrun = self.on_failure_fail_dagrun
        return other

    def expand(self, **arguments: object) -> NoReturn:
        raise unsupported(f"{function_name(self.function)}.expand()", "mapped tasks")

    def expand_kwargs(self, arguments: object) -> NoReturn:
        raise unsupported(f"{function_name(self.function)}.expand_kwargs()", "mapped tasks")

    def partial(self, **arguments: object) -> NoReturn:
        raise unsupported(f"{function_name(self.function)}.partial()", "mapped tasks")


class TaskDecorator:
    """`@task`, `@task(...)` and `@task.python`; each flavour, such as `@task.branch`, is another of these.

    Args:
        operator_class: class of the tasks that it makes.
    """

    def __init__(self, operator_class: Callable[..., BaseOperator] = _PythonDecoratedOperator) -> None:
        self.operator_class = operator_class

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
            return lambda function: DecoratedTask(function, given, self.operator_class)
        return DecoratedTask(python_callable, given, self.operator_class)

    @property
    def python(self) -> TaskDecorator:
        """The same decorator by its long name."""
        return self

    @property
    def branch(self) -> TaskDecorator:
        """The function chooses which of the tasks behind this one run."""
        return _flavour("branch")

    @property
    def short_circuit(self) -> TaskDecorator:
        """The function says whether what is behind this task is needed."""
        return _flavour("short_circuit")

    @property
    def bash(self) -> TaskDecorator:
        """The function returns the Bash command that the task runs."""
        return _flavour("bash")

    @property
    def virtualenv(self) -> TaskDecorator:
        """The function runs in a virtual environment that is made for it."""
        return _flavour("virtualenv")

    @property
    def external_python(self) -> TaskDecorator:
        """The function runs with an interpreter that is there."""
        return _flavour("external_python")

    @property
    def branch_virtualenv(self) -> TaskDecorator:
        """`branch` in a virtual environment that is made for it."""
        return _flavour("branch_virtualenv")

    @property
    def branch_external_python(self) -> TaskDecorator:
        """`branch` with an interpreter that is there."""
        return _flavour("branch_external_python")

    run_if = staticmethod(run_if)
    skip_if = staticmethod(skip_if)

    if not TYPE_CHECKING:  # a type checker is to see that these do not exist

        def __getattr__(self, name: str) -> NoReturn:
            if name in _UNSUPPORTED_FLAVOURS:
                raise unsupported(f"@task.{name}", _UNSUPPORTED_FLAVOURS[name])
            raise AttributeError(f"There is no @task.{name}.")


@functools.cache
def _flavour(name: str) -> TaskDecorator:
    module, _, operator_class = _FLAVOURS[name].partition(":")
    return TaskDecorator(getattr(importlib.import_module(module), operator_class))


task = TaskDecorator()

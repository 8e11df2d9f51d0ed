"""Tasks that call a Python function: here, in another environment, to branch, or to go on only if it says so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from tradewind.sdk.authoring.callables import call_with_context, check_callable
from tradewind.sdk.authoring.context import Context, get_current_context
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.authoring.xcom_arg import ResolveMixin
from tradewind.sdk.exceptions import DagAuthoringError, TradewindException
from tradewind.sdk.standard.skipping import BranchMixIn, SkipMixin, flat_relatives


class PythonOperator(BaseOperator):
    """Calls a Python function; what it returns is the result of the task.

    A parameter that is named like a key of the task context, such as `ti` or `ds`, gets its value.

    Args:
        python_callable: the function.
        op_args: its positional arguments.
        op_kwargs: its keyword arguments.
        templates_dict: templates whose texts the function gets as `templates_dict` of the context.
        templates_exts: ends of names of template files in `templates_dict`.
        show_return_value_in_logs: whether the log tells what was returned.
        kwargs: as for `BaseOperator`.
    """

    template_fields: Collection[str] = ("templates_dict", "op_args", "op_kwargs")
    ui_color = "#ffefeb"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Sequence[Any] | ResolveMixin | None = None,
        op_kwargs: Mapping[str, Any] | ResolveMixin | None = None,
        templates_dict: dict[str, Any] | None = None,
        templates_exts: Sequence[str] | None = None,
        show_return_value_in_logs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_callable(python_callable, f"python_callable of task {self.task_id!r}")
        self.python_callable = python_callable
        self.op_args = op_args if op_args is not None else ()
        self.op_kwargs = op_kwargs if op_kwargs is not None else {}
        if isinstance(self.op_args, str) or not isinstance(self.op_args, Sequence | ResolveMixin):
            raise DagAuthoringError(f"op_args of task {self.task_id!r} must be a list, not {op_args!r}.")
        if not isinstance(self.op_kwargs, Mapping | ResolveMixin):
            raise DagAuthoringError(f"op_kwargs of task {self.task_id!r} must be a dict, not {op_kwargs!r}.")
        self.templates_dict = templates_dict
        if templates_exts:
            self.template_ext = tuple(templates_exts)
        self.show_return_value_in_logs = show_return_value_in_logs

    def execute(self, context: Context) -> Any:
        if self.templates_dict is not None:
            context["templates_dict"] = self.templates_dict
        result = self.execute_callable(context)
        if self.show_return_value_in_logs:
            self.log.info("Done. Returned value was: %s", result)
        else:
            self.log.info("Done. Returned value not shown")
        return result

    def execute_callable(self, context: Context) -> Any:
        """Call the function; overridden where it runs elsewhere.

        Raises:
            TradewindException: what the arguments turned out to be are no arguments.
        """
        args, kwargs = self.call_arguments()
        return call_with_context(self.python_callable, args, kwargs, context)

    def call_arguments(self) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """The arguments as they turned out.

        Raises:
            TradewindException: they are no list and dict.
        """
        if not isinstance(self.op_args, Sequence) or not isinstance(self.op_kwargs, Mapping):
            raise TradewindException(
                f"Task {self.task_id!r} got {type(self.op_args).__name__} as op_args and "
                f"{type(self.op_kwargs).__name__} as op_kwargs; they must be a list and a dict."
            )
        return self.op_args, self.op_kwargs


class BranchPythonOperator(PythonOperator, BranchMixIn):
    """Calls a function that chooses which of the tasks behind this one run; the others are skipped.

    It returns the id of a task or task group, a list of ids, or None to skip all.
    """

    def execute(self, context: Context) -> Any:
        return self.do_branch(context, super().execute(context))


class ShortCircuitOperator(PythonOperator, SkipMixin):
    """Calls a function; when it returns something false, what is behind this task is skipped.

    Args:
        ignore_downstream_trigger_rules: whether everything behind it is skipped, or only the tasks right behind it,
            whose trigger rules decide about the rest. Teardown tasks are never skipped.
        kwargs: as for `PythonOperator`.
    """

    def __init__(self, *, ignore_downstream_trigger_rules: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules

    def execute(self, context: Context) -> Any:
        condition = super().execute(context)
        self.log.info("Condition result is %s", condition)
        if condition:
            self.log.info("Proceeding with downstream tasks...")
            return condition
        self.skip(context["ti"], self.tasks_to_skip())
        return condition

    def tasks_to_skip(self) -> Iterator[BaseOperator]:
        """The tasks that a false condition makes needless."""
        names = (
            flat_relatives(self.dag, self.task_id, upstream=False)
            if self.ignore_downstream_trigger_rules
            else self.downstream_task_ids
        )
        for name in sorted(names):
            task = self.dag.get_task(name)
            if not task.is_teardown:
                yield task


def __getattr__(name: str) -> Any:
    """Operators that run functions elsewhere load what they need for it when they are first used."""
    if name in _ELSEWHERE:
        import importlib

        return getattr(importlib.import_module("tradewind.sdk.standard.operators.other_python"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_ELSEWHERE = (
    "BranchExternalPythonOperator",
    "BranchPythonVirtualenvOperator",
    "ExternalPythonOperator",
    "PythonVirtualenvOperator",
)

__all__ = ["BranchPythonOperator", "PythonOperator", "ShortCircuitOperator", "get_current_context"]

"""`PythonOperator`: a task that calls a Python function."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from tradewind.sdk.authoring.callables import call_with_context, check_callable
from tradewind.sdk.authoring.context import Context, get_current_context
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.authoring.xcom_arg import XComArg
from tradewind.sdk.exceptions import DagAuthoringError, TradewindException


class PythonOperator(BaseOperator):
    """Calls a Python function; what it returns is the result of the task.

    A parameter that is named like a key of the task context, such as `ti` or `ds`, gets its value.

    Args:
        python_callable: the function.
        op_args: its positional arguments.
        op_kwargs: its keyword arguments.
        show_return_value_in_logs: whether the log tells what was returned.
        kwargs: as for `BaseOperator`.
    """

    template_fields: Collection[str] = ("op_args", "op_kwargs")
    ui_color = "#ffefeb"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Sequence[Any] | XComArg | None = None,
        op_kwargs: Mapping[str, Any] | XComArg | None = None,
        show_return_value_in_logs: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_callable(python_callable, f"python_callable of task {self.task_id!r}")
        self.python_callable = python_callable
        self.op_args = op_args if op_args is not None else ()
        self.op_kwargs = op_kwargs if op_kwargs is not None else {}
        if isinstance(self.op_args, str) or not isinstance(self.op_args, Sequence | XComArg):
            raise DagAuthoringError(f"op_args of task {self.task_id!r} must be a list, not {op_args!r}.")
        if not isinstance(self.op_kwargs, Mapping | XComArg):
            raise DagAuthoringError(f"op_kwargs of task {self.task_id!r} must be a dict, not {op_kwargs!r}.")
        self.show_return_value_in_logs = show_return_value_in_logs

    def execute(self, context: Context) -> Any:
        if not isinstance(self.op_args, Sequence) or not isinstance(self.op_kwargs, Mapping):
            raise TradewindException(
                f"Task {self.task_id!r} got {type(self.op_args).__name__} as op_args and "
                f"{type(self.op_kwargs).__name__} as op_kwargs; they must be a list and a dict."
            )
        result = call_with_context(self.python_callable, self.op_args, self.op_kwargs, context)
        if self.show_return_value_in_logs:
            self.log.info("Done. Returned value was: %s", result)
        else:
            self.log.info("Done. Returned value not shown")
        return result


__all__ = ["PythonOperator", "get_current_context"]

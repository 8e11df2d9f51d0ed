"""What the flavours of `@task` make: operators whose function was decorated."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from tradewind.sdk.authoring.callables import call_with_context
from tradewind.sdk.authoring.context import Context
from tradewind.sdk.exceptions import TradewindException
from tradewind.sdk.standard.operators.bash import BashOperator
from tradewind.sdk.standard.operators.other_python import (
    BranchExternalPythonOperator,
    BranchPythonVirtualenvOperator,
    ExternalPythonOperator,
    PythonVirtualenvOperator,
)
from tradewind.sdk.standard.operators.python import BranchPythonOperator, ShortCircuitOperator


class _BranchPythonDecoratedOperator(BranchPythonOperator):
    """The task of `@task.branch`."""

    custom_operator_name = "@task.branch"


class _ShortCircuitDecoratedOperator(ShortCircuitOperator):
    """The task of `@task.short_circuit`."""

    custom_operator_name = "@task.short_circuit"


class _PythonVirtualenvDecoratedOperator(PythonVirtualenvOperator):
    """The task of `@task.virtualenv`."""

    custom_operator_name = "@task.virtualenv"


class _PythonExternalDecoratedOperator(ExternalPythonOperator):
    """The task of `@task.external_python`."""

    custom_operator_name = "@task.external_python"


class _BranchPythonVirtualenvDecoratedOperator(BranchPythonVirtualenvOperator):
    """The task of `@task.branch_virtualenv`."""

    custom_operator_name = "@task.branch_virtualenv"


class _BranchExternalPythonDecoratedOperator(BranchExternalPythonOperator):
    """The task of `@task.branch_external_python`."""

    custom_operator_name = "@task.branch_external_python"


class _BashDecoratedOperator(BashOperator):
    """The task of `@task.bash`: the function returns the command, which may be a template."""

    custom_operator_name = "@task.bash"
    template_fields: Collection[str] = ("op_args", "op_kwargs", "env", "cwd")

    def __init__(
        self, *, python_callable: Callable[..., Any], op_args: Sequence[Any], op_kwargs: dict[str, Any], **kwargs: Any
    ) -> None:
        super().__init__(bash_command="", **kwargs)
        self.python_callable = python_callable
        self.op_args = op_args
        self.op_kwargs = op_kwargs

    def execute(self, context: Context) -> Any:
        command = call_with_context(self.python_callable, self.op_args, self.op_kwargs, context)
        if not isinstance(command, str) or not command.strip():
            raise TradewindException(
                f"The function of task {self.task_id!r} must return a Bash command, a string that is not empty; "
                f"it returned {command!r}."
            )
        self.bash_command = self.render_template(command, context)
        return super().execute(context)

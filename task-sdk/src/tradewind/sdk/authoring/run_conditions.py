"""`@task.run_if` and `@task.skip_if`: a condition that is asked before the task runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from tradewind.sdk.exceptions import DagAuthoringError, TradewindSkipException

if TYPE_CHECKING:
    from tradewind.sdk.authoring.context import Context

Condition: TypeAlias = "Callable[[Context], bool | tuple[bool, str | None]]"


def run_if(condition: Condition, skip_message: str | None = None) -> Callable[[Any], Any]:
    """Run the task only if the condition says so; it ends as skipped otherwise. Stands above the `@task` decorator.

    Args:
        condition: called with the context; returns whether to run, or that and a message.
        skip_message: words for the log when it is skipped.

    Raises:
        DagAuthoringError: it does not stand above a task, or the condition is no function.
    """
    return _decorator(condition, skip_message, wanted=True, name="run_if")


def skip_if(condition: Condition, skip_message: str | None = None) -> Callable[[Any], Any]:
    """Skip the task if the condition says so. Stands above the `@task` decorator.

    Args:
        condition: called with the context; returns whether to skip, or that and a message.
        skip_message: words for the log when it is skipped.

    Raises:
        DagAuthoringError: it does not stand above a task, or the condition is no function.
    """
    return _decorator(condition, skip_message, wanted=False, name="skip_if")


def _decorator(condition: Condition, skip_message: str | None, *, wanted: bool, name: str) -> Callable[[Any], Any]:
    if not callable(condition):
        raise DagAuthoringError(f"@task.{name} needs a function of the context, not {condition!r}.")

    def check(context: Context) -> None:
        answer = condition(context)
        holds, message = answer if isinstance(answer, tuple) else (answer, None)
        if bool(holds) is not wanted:
            words = message or skip_message or f"the condition of {name} is {'not met' if wanted else 'met'}"
            raise TradewindSkipException(f"Skipped: {words}")

    def decorate(decorated: Any) -> Any:
        if not hasattr(decorated, "override") or not hasattr(decorated, "arguments"):
            raise DagAuthoringError(
                f"@task.{name} stands above @task or one of its flavours: @task.{name}(...) first, @task below it."
            )
        inner = decorated.arguments.get("pre_execute")

        def before(context: Context) -> None:
            check(context)
            if inner is not None:
                inner(context)

        return decorated.override(pre_execute=before)

    return decorate

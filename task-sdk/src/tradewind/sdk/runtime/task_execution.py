"""Calls the operator of a running task: fields rendered, hooks around it, within its time limit."""

from __future__ import annotations

import copy
import datetime as dt
import itertools
from collections.abc import Iterable
from typing import Any

from tradewind.sdk.authoring.context import Context
from tradewind.sdk.authoring.generators import returned_by
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.authoring.templating import prepares_templates
from tradewind.sdk.exceptions import TradewindTaskTimeout
from tradewind.sdk.parsing.time_limit import time_limit

_MOST_COPIES = 2000
_copied_ahead: dict[int, tuple[BaseOperator, list[BaseOperator]]] = {}
_handed_out: list[BaseOperator] = []
"""Kept, since a process that gives up a copy touches all its fields, which is what copying ahead avoids."""


def copy_ahead(tasks: Iterable[BaseOperator]) -> None:
    """Copy tasks for the next try of each in this process or one forked from it: it then touches no field of the task.

    A task whose class has a way of its own is left out, and so is what goes beyond two thousand tasks.
    """
    for task in itertools.islice(tasks, _MOST_COPIES):
        if _is_copied_plainly(type(task)):
            _copied_ahead[id(task)] = task, [_plain_copy(task)]


def copy_of(task: BaseOperator) -> BaseOperator:
    """The task for one try: what it sets on itself is not seen by the next one."""
    if (found := _copied_ahead.get(id(task))) and found[1]:
        copied = found[1].pop()
        _handed_out.append(copied)
        return copied
    return _plain_copy(task) if _is_copied_plainly(type(task)) else copy.copy(task)


def _is_copied_plainly(kind: type[BaseOperator]) -> bool:
    return not hasattr(kind, "__copy__") and kind.__basicsize__ == BaseOperator.__basicsize__  # no slots of its own


def _plain_copy(task: BaseOperator) -> BaseOperator:
    # `copy.copy` takes the way of pickling, which makes a forked process copy more memory pages.
    kind = type(task)
    copied = object.__new__(kind)
    copied.__dict__.update(task.__dict__)
    return copied


def call_operator(task: BaseOperator, context: Context) -> Any:
    """Render the fields and execute; what `execute` returns.

    Raises:
        TradewindTaskTimeout: `execute` took longer than the task's execution_timeout.
    """
    # The copy takes any value now: what a declaration may not hold, a rendered field may.
    task.__dict__["_ready"] = False
    if prepares_templates(task):
        task.resolve_template_files()
        task.forget_fields_to_render()
    task.render_template_fields(context)
    if (before := getattr(task, "_pre_execute_hook", None)) is not None:
        before(context)
    task.pre_execute(context)
    result = _execute(task, context)
    if (after := getattr(task, "_post_execute_hook", None)) is not None:
        after(context, result)
    task.post_execute(context, result)
    return result


def _execute(task: BaseOperator, context: Context) -> Any:
    limit: dt.timedelta | None = getattr(task, "execution_timeout", None)
    try:
        if limit is None:
            return returned_by(task.execute, task.execute(context))
        with time_limit(limit.total_seconds(), _too_long, again_seconds=0):
            return returned_by(task.execute, task.execute(context))
    except TradewindTaskTimeout:
        task.on_kill()
        raise


def _too_long(seconds: float) -> BaseException:
    return TradewindTaskTimeout(f"The task ran longer than its execution_timeout of {seconds:g} seconds.")

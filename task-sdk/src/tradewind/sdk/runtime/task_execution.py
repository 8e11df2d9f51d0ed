"""Calls the operator of a running task: fields rendered, hooks around it, within its time limit."""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
from typing import Any

from tradewind.sdk.authoring.context import Context
from tradewind.sdk.authoring.generators import returned_by
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.authoring.templating import prepares_templates
from tradewind.sdk.exceptions import TradewindTaskTimeout
from tradewind.sdk.parsing.time_limit import time_limit


def copy_of(task: BaseOperator) -> BaseOperator:
    """The task for one try: what it sets on itself is not seen by the next one."""
    kind = type(task)
    if hasattr(kind, "__copy__") or kind.__basicsize__ != BaseOperator.__basicsize__:  # its own way, or slots
        return copy.copy(task)
    # `copy.copy` takes the way of pickling, which makes a forked process copy more memory pages.
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
        with (
            contextlib.nullcontext() if limit is None else time_limit(limit.total_seconds(), _too_long, again_seconds=0)
        ):
            return returned_by(task.execute, task.execute(context))
    except TradewindTaskTimeout:
        task.on_kill()
        raise


def _too_long(seconds: float) -> BaseException:
    return TradewindTaskTimeout(f"The task ran longer than its execution_timeout of {seconds:g} seconds.")

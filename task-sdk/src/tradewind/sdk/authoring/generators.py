"""Functions with `yield` or `async` as tasks: they are run to their end, and what they return counts."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any

_PLAIN = frozenset({bool, bytes, dict, float, int, list, str, tuple})
_log = logging.getLogger("tradewind.task")


def returned_by(function: Callable[..., Any], result: Any) -> Any:
    """What a call returns in the end. A generator function does its work now, an asynchronous one in a loop of its own.

    Args:
        function: what was called.
        result: what the call gave.
    """
    if result is None or type(result) in _PLAIN:  # what most tasks return, told at a tenth of the price
        return result
    if inspect.iscoroutinefunction(function):
        import asyncio

        return asyncio.run(result)
    if not inspect.isgeneratorfunction(function):
        return result
    ignored = 0
    while True:
        try:
            next(result)
        except StopIteration as end:
            if ignored:
                _log.warning("Ignored %d yielded value(s): a task leaves what it returns.", ignored)
            return end.value
        ignored += 1

"""How operators get arguments that they were not given: from `default_args`, by their own signature."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tradewind.sdk.authoring.dag_context import current_dag, current_group
from tradewind.sdk.authoring.dependencies import AbstractDag, AbstractTaskGroup
from tradewind.sdk.exceptions import DagAuthoringError, UnknownArgumentError

_DEPTH = "_init_depth"


def apply_defaults(init: Callable[..., None], also: Iterable[str] = ()) -> Callable[..., None]:
    """Wrap the `__init__` of an operator: it takes keyword arguments only, and fills in defaults.

    Defaults are those of the DAG, of its task groups from the outer ones in, then those of the operator's own
    `default_args`. When the outermost `__init__` ends, the operator's `_finish` is called.

    Args:
        init: the method.
        also: names to fill in beside those of the signature.
    """
    parameters = list(inspect.signature(init).parameters.values())[1:]
    named = [one for one in parameters if one.kind not in {one.VAR_POSITIONAL, one.VAR_KEYWORD}]
    accepted = {one.name for one in named} | set(also)
    required = [one.name for one in named if one.default is one.empty]

    @functools.wraps(init)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> None:
        kind = type(self).__name__
        if args:
            raise UnknownArgumentError(f"{kind} takes keyword arguments only, such as task_id=...; it got {args[0]!r}.")
        defaults = _defaults_for(kwargs)
        for name in accepted & defaults.keys() - kwargs.keys():
            kwargs[name] = defaults[name]
        missing = [name for name in required if name not in kwargs]
        if missing:
            task = f" {kwargs['task_id']!r}" if "task_id" in kwargs else ""
            raise UnknownArgumentError(f"{kind}{task} needs the argument {', '.join(map(repr, missing))}.")
        depth = self.__dict__.get(_DEPTH, 0)
        self.__dict__[_DEPTH] = depth + 1
        try:
            init(self, **kwargs)
        finally:
            self.__dict__[_DEPTH] = depth
        if not depth:
            del self.__dict__[_DEPTH]
            self._finish()

    return wrapper


def _defaults_for(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    own = arguments.get("default_args")
    if own is not None and not isinstance(own, dict):
        raise DagAuthoringError(f"default_args of a task must be a dict, not {own!r}.")
    group = arguments.get("task_group")
    dag = arguments.get("dag") or (group.dag if isinstance(group, AbstractTaskGroup) else current_dag())
    if not isinstance(dag, AbstractDag):
        return own or {}
    if not isinstance(group, AbstractTaskGroup):
        group = current_group(dag)
    return {**dag.default_args, **group.default_args, **(own or {})}

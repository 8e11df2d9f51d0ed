"""`@dag`: a function whose call declares a DAG."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, overload

from tradewind.sdk.authoring.callables import function_name
from tradewind.sdk.authoring.dag import DAG
from tradewind.sdk.exceptions import DagAuthoringError

P = ParamSpec("P")

_VARIADIC = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


@overload
def dag(dag_id: Callable[P, Any]) -> Callable[P, DAG]: ...
@overload
def dag(dag_id: str = "", **arguments: Any) -> Callable[[Callable[P, Any]], Callable[P, DAG]]: ...
def dag(dag_id: Callable[..., Any] | str = "", **arguments: Any) -> Any:
    """Make a function declare a DAG: tasks that its body creates join it. Call the function once in the DAG file.

    Parameters of the function are params of the DAG, with the arguments of the call, or their defaults, as defaults; in
    the body they stand for the values that a run has.

    Args:
        dag_id: name of the DAG; that of the function unless given.
        arguments: as for `DAG`. The function's docstring is the DAG's documentation unless `doc_md` is given.

    Raises:
        DagAuthoringError: the function has parameters that cannot be params.
    """
    if callable(dag_id):
        return _factory(dag_id, "", arguments)
    if not isinstance(dag_id, str):
        raise DagAuthoringError(f"dag_id must be a string, not {dag_id!r}.")
    name = dag_id
    return lambda function: _factory(function, name, arguments)


def _factory(function: Callable[..., Any], dag_id: str, arguments: dict[str, Any]) -> Callable[..., DAG]:
    if not callable(function):
        raise DagAuthoringError(f"@dag decorates a function, not {function!r}.")
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        if parameter.kind in _VARIADIC:
            raise DagAuthoringError(
                f"Parameter {str(parameter)!r} of the @dag function {function_name(function)} cannot be a param; "
                "name each one."
            )

    @functools.wraps(function)
    def declare_dag(*args: Any, **kwargs: Any) -> DAG:
        given = dict(arguments)
        if function.__doc__ and not given.get("doc_md"):
            given["doc_md"] = inspect.cleandoc(function.__doc__)
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise DagAuthoringError(f"{function_name(function)} cannot be called like this: {error}.") from None
        bound.apply_defaults()
        with DAG(dag_id or function.__name__, **given) as declared:
            for name, value in bound.arguments.items():
                bound.arguments[name] = declared.param(name, value)
            function(*bound.args, **bound.kwargs)
        return declared

    return declare_dag

"""`@dag`: a function whose call declares a DAG."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, overload

from tradewind.sdk.authoring.callables import function_name
from tradewind.sdk.authoring.dag import DAG
from tradewind.sdk.authoring.unsupported import unsupported
from tradewind.sdk.exceptions import DagAuthoringError

P = ParamSpec("P")


@overload
def dag(dag_id: Callable[P, Any]) -> Callable[P, DAG]: ...
@overload
def dag(dag_id: str = "", **arguments: Any) -> Callable[[Callable[P, Any]], Callable[P, DAG]]: ...
def dag(dag_id: Callable[..., Any] | str = "", **arguments: Any) -> Any:
    """Make a function declare a DAG: tasks that its body creates join it. Call the function once in the DAG file.

    Args:
        dag_id: name of the DAG; that of the function unless given.
        arguments: as for `DAG`. The function's docstring is the DAG's documentation unless `doc_md` is given.

    Raises:
        UnsupportedFeatureError: the function has parameters; in Airflow they are params of the run.
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
    parameters = inspect.signature(function).parameters
    if parameters:
        raise unsupported(
            f"Parameter {next(iter(parameters))!r} of the @dag function {function_name(function)}",
            "params; `dag_run.conf` holds what a run was triggered with",
        )

    @functools.wraps(function)
    def declare_dag(*args: Any, **kwargs: Any) -> DAG:
        given = dict(arguments)
        if function.__doc__ and not given.get("doc_md"):
            given["doc_md"] = inspect.cleandoc(function.__doc__)
        with DAG(dag_id or function.__name__, **given) as declared:
            function(*args, **kwargs)
        return declared

    return declare_dag

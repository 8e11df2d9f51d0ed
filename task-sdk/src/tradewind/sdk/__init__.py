"""What a DAG author imports; importing it needs no network client and no server.

Names are loaded when they are first used (PEP 562). Names of Airflow that this version does not have are refused by a
sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewind.sdk.__about__ import __version__

if TYPE_CHECKING:
    from tradewind.sdk.authoring.context import Context, DagRun, TaskInstance, get_current_context
    from tradewind.sdk.authoring.dag import DAG
    from tradewind.sdk.authoring.dag_decorator import dag
    from tradewind.sdk.authoring.dependencies import EdgeModifier
    from tradewind.sdk.authoring.edges import Label, chain, chain_linear, cross_downstream
    from tradewind.sdk.authoring.operator import BaseOperator
    from tradewind.sdk.authoring.secrets import Connection, Variable
    from tradewind.sdk.authoring.task_decorator import task
    from tradewind.sdk.authoring.trigger_rule import TriggerRule
    from tradewind.sdk.authoring.xcom_arg import XComArg, literal
    from tradewind.sdk.contract import DagRunState, TaskInstanceState

__all__ = [
    "BaseOperator",
    "Connection",
    "Context",
    "DAG",
    "DagRun",
    "DagRunState",
    "EdgeModifier",
    "Label",
    "TaskInstance",
    "TaskInstanceState",
    "TriggerRule",
    "Variable",
    "XComArg",
    "__version__",
    "chain",
    "chain_linear",
    "cross_downstream",
    "dag",
    "get_current_context",
    "literal",
    "task",
]

_MODULES = {
    "BaseOperator": "authoring.operator",
    "Connection": "authoring.secrets",
    "Context": "authoring.context",
    "DAG": "authoring.dag",
    "DagRun": "authoring.context",
    "DagRunState": "contract",
    "EdgeModifier": "authoring.dependencies",
    "Label": "authoring.edges",
    "TaskInstance": "authoring.context",
    "TaskInstanceState": "contract",
    "TriggerRule": "authoring.trigger_rule",
    "Variable": "authoring.secrets",
    "XComArg": "authoring.xcom_arg",
    "chain": "authoring.edges",
    "chain_linear": "authoring.edges",
    "cross_downstream": "authoring.edges",
    "dag": "authoring.dag_decorator",
    "get_current_context": "authoring.context",
    "literal": "authoring.xcom_arg",
    "task": "authoring.task_decorator",
}


def __getattr__(name: str) -> Any:
    """Load a public name.

    Raises:
        ImportError: Airflow has the name, this version has not.
        AttributeError: there is no such name.
    """
    if module := _MODULES.get(name):
        import importlib

        value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
        globals()[name] = value
        return value
    if not name.startswith("_"):
        from tradewind.sdk.authoring.unsupported import PRODUCT, PUBLIC_NAMES

        if feature := PUBLIC_NAMES.get(name):
            # No AttributeError: `from … import` would replace its sentence by one of its own.
            raise ImportError(f"{name} is known in airflow.sdk, but {PRODUCT} does not support it yet ({feature}).")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)

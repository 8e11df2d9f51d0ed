"""What a DAG author imports; importing it needs no network client and no server.

Names are loaded when they are first used (PEP 562). Names of Airflow that this version does not have are refused by a
sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewind.sdk.__about__ import __version__

if TYPE_CHECKING:
    from tradewind.sdk import macros
    from tradewind.sdk.authoring.context import Context, DagRun, TaskInstance, get_current_context
    from tradewind.sdk.authoring.dag import DAG
    from tradewind.sdk.authoring.dag_decorator import dag
    from tradewind.sdk.authoring.dependencies import EdgeModifier
    from tradewind.sdk.authoring.edges import Label, chain, chain_linear, cross_downstream
    from tradewind.sdk.authoring.hooks import BaseHook
    from tradewind.sdk.authoring.operator import BaseOperator
    from tradewind.sdk.authoring.params import Param, ParamsDict
    from tradewind.sdk.authoring.parsing_context import get_parsing_context
    from tradewind.sdk.authoring.retry_policy import (
        ExceptionRetryPolicy,
        RetryAction,
        RetryDecision,
        RetryPolicy,
        RetryRule,
    )
    from tradewind.sdk.authoring.secrets import Connection, Variable
    from tradewind.sdk.authoring.setup_teardown_decorators import setup, teardown
    from tradewind.sdk.authoring.task_decorator import task
    from tradewind.sdk.authoring.task_group import TaskGroup
    from tradewind.sdk.authoring.task_group_decorator import task_group
    from tradewind.sdk.authoring.timetables import (
        CronDataIntervalTimetable,
        CronTriggerTimetable,
        DeltaDataIntervalTimetable,
        DeltaTriggerTimetable,
        MultipleCronTriggerTimetable,
    )
    from tradewind.sdk.authoring.trigger_rule import TriggerRule
    from tradewind.sdk.authoring.weight_rule import WeightRule
    from tradewind.sdk.authoring.xcom import BaseXCom, XCom
    from tradewind.sdk.authoring.xcom_arg import XComArg, literal
    from tradewind.sdk.contract import DagRunState, TaskInstanceState
    from tradewind.sdk.standard.operators.branch import BaseBranchOperator
    from tradewind.sdk.standard.skipping import BranchMixIn, SkipMixin

__all__ = [
    "BaseBranchOperator",
    "BaseHook",
    "BaseOperator",
    "BaseXCom",
    "BranchMixIn",
    "Connection",
    "Context",
    "CronDataIntervalTimetable",
    "CronTriggerTimetable",
    "DAG",
    "DagRun",
    "DagRunState",
    "DeltaDataIntervalTimetable",
    "DeltaTriggerTimetable",
    "EdgeModifier",
    "ExceptionRetryPolicy",
    "Label",
    "MultipleCronTriggerTimetable",
    "Param",
    "ParamsDict",
    "RetryAction",
    "RetryDecision",
    "RetryPolicy",
    "RetryRule",
    "SkipMixin",
    "TaskGroup",
    "TaskInstance",
    "TaskInstanceState",
    "TriggerRule",
    "Variable",
    "WeightRule",
    "XCom",
    "XComArg",
    "__version__",
    "chain",
    "chain_linear",
    "cross_downstream",
    "dag",
    "get_current_context",
    "get_parsing_context",
    "literal",
    "macros",
    "setup",
    "task",
    "task_group",
    "teardown",
]

_MODULES = {
    "BaseBranchOperator": "standard.operators.branch",
    "BaseHook": "authoring.hooks",
    "BaseOperator": "authoring.operator",
    "BranchMixIn": "standard.skipping",
    "SkipMixin": "standard.skipping",
    "BaseXCom": "authoring.xcom",
    "Connection": "authoring.secrets",
    "Context": "authoring.context",
    "CronDataIntervalTimetable": "authoring.timetables",
    "CronTriggerTimetable": "authoring.timetables",
    "DAG": "authoring.dag",
    "DagRun": "authoring.context",
    "DagRunState": "contract",
    "DeltaDataIntervalTimetable": "authoring.timetables",
    "DeltaTriggerTimetable": "authoring.timetables",
    "EdgeModifier": "authoring.dependencies",
    "ExceptionRetryPolicy": "authoring.retry_policy",
    "Label": "authoring.edges",
    "MultipleCronTriggerTimetable": "authoring.timetables",
    "Param": "authoring.params",
    "ParamsDict": "authoring.params",
    "RetryAction": "authoring.retry_policy",
    "RetryDecision": "authoring.retry_policy",
    "RetryPolicy": "authoring.retry_policy",
    "RetryRule": "authoring.retry_policy",
    "TaskGroup": "authoring.task_group",
    "TaskInstance": "authoring.context",
    "TaskInstanceState": "contract",
    "TriggerRule": "authoring.trigger_rule",
    "Variable": "authoring.secrets",
    "WeightRule": "authoring.weight_rule",
    "XCom": "authoring.xcom",
    "XComArg": "authoring.xcom_arg",
    "chain": "authoring.edges",
    "chain_linear": "authoring.edges",
    "cross_downstream": "authoring.edges",
    "dag": "authoring.dag_decorator",
    "get_current_context": "authoring.context",
    "get_parsing_context": "authoring.parsing_context",
    "literal": "authoring.xcom_arg",
    "macros": "macros",
    "setup": "authoring.setup_teardown_decorators",
    "task": "authoring.task_decorator",
    "task_group": "authoring.task_group_decorator",
    "teardown": "authoring.setup_teardown_decorators",
}


def __getattr__(name: str) -> Any:
    """Load a public name.

    Raises:
        ImportError: Airflow has the name, this version has not.
        AttributeError: there is no such name.
    """
    if module := _MODULES.get(name):
        import importlib

        loaded = importlib.import_module(f"{__name__}.{module}")
        value = loaded if module == name else getattr(loaded, name)
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

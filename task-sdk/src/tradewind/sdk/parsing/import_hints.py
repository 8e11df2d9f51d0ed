"""What to do about an import that fails: where a name of Airflow is, or which feature is missing."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping

from tradewind.sdk.authoring.unsupported import MODULES, PRODUCT, PUBLIC_NAMES

_PRODUCT = PRODUCT[0].upper() + PRODUCT[1:]
_ROOT = "tradewind.sdk."
_OF_AIRFLOW = re.compile(r"\s*(?:from|import)\s+(airflow(?:\.\w+)*)")
_NAME = re.compile(r"cannot import name '(\w+)'")

_ROOTS: Mapping[str, str] = {
    "airflow.sdk": "tradewind.sdk",
    "airflow.exceptions": "tradewind.sdk.exceptions",
    "airflow.timetables": "tradewind.sdk.timetables",
    "airflow.providers.standard": "tradewind.sdk.standard",
    "airflow.operators": "tradewind.sdk.standard.operators",
    "airflow.macros": "tradewind.sdk.macros",
    "airflow.utils.timezone": "tradewind.sdk.timezone",
}
"""Modules of Airflow that have a counterpart; modules below them keep their names."""

_IN_THE_SDK = frozenset(
    {
        "airflow",
        "airflow.decorators",
        "airflow.hooks.base",
        "airflow.models",
        "airflow.models.baseoperator",
        "airflow.models.connection",
        "airflow.models.dag",
        "airflow.models.param",
        "airflow.models.taskinstance",
        "airflow.models.variable",
        "airflow.models.xcom_arg",
        "airflow.providers.common.compat.sdk",
        "airflow.utils.context",
        "airflow.utils.edgemodifier",
        "airflow.utils.helpers",
        "airflow.utils.state",
        "airflow.utils.task_group",
        "airflow.utils.trigger_rule",
        "airflow.utils.weight_rule",
    }
)
"""Modules of Airflow whose names for DAG files are all in `tradewind.sdk`."""

_FEATURES: Mapping[str, str] = {
    "airflow.configuration": "configuration in DAG files",
    "airflow.datasets": "assets",
    "airflow.io": "object storage paths",
    "airflow.notifications": "notifiers",
    "airflow.plugins_manager": "plugins",
    "airflow.sensors": "sensors",
    "airflow.task.priority_strategy": "priority strategies of your own",
    "airflow.triggers": "deferrable tasks",
    "airflow.utils.email": "email",
}
"""Modules of Airflow whose feature is missing here."""


def import_hint(error: BaseException, statement: str) -> str:
    """What stands behind the message of a failed import; nothing for other errors.

    Args:
        error: what was raised.
        statement: the line of the bundle that asked for it.
    """
    if not isinstance(error, ImportError) or not error.name:
        return ""
    if error.name.startswith(_ROOT):
        return f". {_of_the_sdk(error)}"
    if not isinstance(error, ModuleNotFoundError):
        return ""
    if error.name.split(".")[0] == "airflow":
        return f". {_of_airflow(statement)}"
    return ". Install it where the workers run, or put it into the bundle."


def _of_the_sdk(error: ImportError) -> str:
    name = _NAME.search(str(error))
    feature = PUBLIC_NAMES.get(name[1]) if name else None
    if feature is None and (module := _nearest(MODULES, str(error.name).removeprefix(_ROOT))):
        feature = MODULES[module]
    if feature is None:
        return f"{_PRODUCT} does not have it (yet)."
    return f"{_PRODUCT} does not support it yet ({feature})."


def _of_airflow(statement: str) -> str:
    found = _OF_AIRFLOW.match(statement)
    module = found[1] if found else "airflow"
    if root := _nearest(_ROOTS, module):
        return f"Write {_ROOTS[root]}{module.removeprefix(root)} in place of {module}."
    if module in _IN_THE_SDK:
        return f"Write tradewind.sdk in place of {module}."
    if package := _nearest(_FEATURES, module):
        return f"{_PRODUCT} does not support it yet ({_FEATURES[package]})."
    return f"{module} is a part of Airflow or of one of its providers, and has no counterpart here."


def _nearest(table: Container[str], module: str) -> str | None:
    """The module, or the nearest package around it, that a table has; None when it has none."""
    while module and module not in table:
        module = module.rpartition(".")[0]
    return module or None

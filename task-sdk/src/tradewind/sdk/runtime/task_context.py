"""Builds the context of a task from what the activity says; what needs a call is looked up when it is used."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tradewind.sdk.authoring.context import Context, ContextValues, DagRun
from tradewind.sdk.authoring.macros_accessor import MacrosAccessor
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.authoring.secret_accessors import ConnectionAccessor, VariableAccessors
from tradewind.sdk.contract import DagRunContext, DagRunState, RunSummary
from tradewind.sdk.dates import context_date, optional_context_date
from tradewind.sdk.lazy_value import LazyValue
from tradewind.sdk.runtime.task_instance import RuntimeTaskInstance

_RUNNING = DagRunState.RUNNING  # Python looks for a member of an enum with a function
_DATES = ("logical_date", "data_interval_start", "data_interval_end")
_CONNECTIONS = ConnectionAccessor()
_MACROS = MacrosAccessor()
_VARIABLES = VariableAccessors()
_PREVIOUS = {
    "prev_data_interval_start_success": "data_interval_start",
    "prev_data_interval_end_success": "data_interval_end",
    "prev_start_date_success": "start_date",
    "prev_end_date_success": "end_date",
}


def build_context(
    instance: RuntimeTaskInstance, run: DagRunContext, find_previous: Callable[[DagRunState], RunSummary | None]
) -> Context:
    """The context of a task.

    `ds`, `ts` and the like come from the logical date; in a run that has none, from the moment after which it could
    start.

    Args:
        instance: the running task instance.
        run: its run.
        find_previous: asks for the last run before this one that ended in a state.

    Raises:
        ParamValidationError: a param has a value that its schema forbids.
    """
    task = instance.task
    date = run.logical_date or run.run_after
    ts = date.isoformat()
    ds, ds_nodash = ts[:10], ts[:10].replace("-", "")  # `strftime` would go through the C library's locale
    values = ContextValues(
        {
            "conn": _CONNECTIONS,
            "dag": task.dag,
            "dag_run": _dag_run(run),
            "ds": ds,
            "ds_nodash": ds_nodash,
            "inlets": list(getattr(task, "inlets", None) or ()),
            "macros": _MACROS,
            "map_index_template": None,
            "outlets": list(getattr(task, "outlets", None) or ()),
            "params": _params(task, run.conf),
            "run_id": run.run_id,
            "task": task,
            "task_instance": instance,
            "task_instance_key_str": f"{instance.dag_id}__{instance.task_id}__{ds_nodash}",
            "task_reschedule_count": 0,
            "templates_dict": getattr(task, "templates_dict", None),
            "test_mode": False,
            "ti": instance,
            "try_number": instance.try_number,
            "ts": ts,
            "ts_nodash": ts[:19].replace("-", "").replace(":", ""),
            "ts_nodash_with_tz": ts.replace("-", "").replace(":", ""),
            "var": _VARIABLES,
        }
    )
    for name in _DATES:
        if (value := getattr(run, name)) is not None:
            values[name] = context_date(value)
    _add_previous_success(values, find_previous)
    return values  # type: ignore[return-value]  # a TypedDict is a dict


def _params(task: BaseOperator, conf: Mapping[str, Any]) -> dict[str, Any]:
    of_dag, of_task = getattr(task.dag, "params", None), getattr(task, "params", None)
    if not of_dag and not of_task:
        return dict(conf)
    from tradewind.sdk.authoring.params import ParamsDict, run_params

    return run_params(of_dag or ParamsDict(), of_task or ParamsDict(), conf)


def _add_previous_success(values: dict[str, Any], find_previous: Callable[[DagRunState], RunSummary | None]) -> None:
    """Add four dates of one run, which is asked for once, by whichever of them is used first."""
    found: list[RunSummary | None] = []
    for key, field in _PREVIOUS.items():
        values[key] = LazyValue(partial(_of_previous, found, find_previous, field))


def _of_previous(
    found: list[RunSummary | None], find_previous: Callable[[DagRunState], RunSummary | None], field: str
) -> dt.datetime | None:
    if not found:
        found.append(find_previous(DagRunState.SUCCESS))
    return optional_context_date(getattr(found[0], field, None))


def _dag_run(run: DagRunContext) -> DagRun:
    found = object.__new__(DagRun)
    DagRun.__init__(  # a call of the class would make a dict of the keywords
        found,
        dag_id=run.dag_id,
        run_id=run.run_id,
        run_type=run.run_type,
        run_after=context_date(run.run_after),
        state=_RUNNING,
        logical_date=optional_context_date(run.logical_date),
        data_interval_start=optional_context_date(run.data_interval_start),
        data_interval_end=optional_context_date(run.data_interval_end),
        start_date=optional_context_date(run.start_date),
        conf=dict(run.conf),
        dag_version=run.dag_version,
        triggering_user_name=run.triggering_user,
        triggered_by=run.triggered_by,
        note=run.note,
        next_run_after=optional_context_date(run.next_run_after),
    )
    return found

"""Builds the context of a task from what the activity says."""

from __future__ import annotations

from typing import Any, cast

from tradewind.sdk.authoring.context import Context, ContextValues, DagRun
from tradewind.sdk.contract import DagRunContext
from tradewind.sdk.runtime.task_instance import RuntimeTaskInstance


def build_context(instance: RuntimeTaskInstance, run: DagRunContext) -> Context:
    """The context of a task.

    `ds`, `ts` and the like come from the logical date; in a run that has none, from the moment after which it could
    start. `params` holds what the run was triggered with: declared params do not exist yet.

    Args:
        instance: the running task instance.
        run: its run.
    """
    date = run.logical_date or run.run_after
    ts = date.isoformat()
    ds, ds_nodash = ts[:10], ts[:10].replace("-", "")  # `strftime` would go through the C library's locale
    values: dict[str, Any] = {
        "dag": instance.task.dag,
        "dag_run": _dag_run(run),
        "ds": ds,
        "ds_nodash": ds_nodash,
        "map_index_template": None,
        "params": dict(run.conf),
        "run_id": run.run_id,
        "task": instance.task,
        "task_instance": instance,
        "task_instance_key_str": f"{instance.dag_id}__{instance.task_id}__{ds_nodash}",
        "templates_dict": None,
        "test_mode": False,
        "ti": instance,
        "try_number": instance.try_number,
        "ts": ts,
        "ts_nodash": ts[:19].replace("-", "").replace(":", ""),
        "ts_nodash_with_tz": ts.replace("-", "").replace(":", ""),
    }
    dates = {
        "logical_date": run.logical_date,
        "data_interval_start": run.data_interval_start,
        "data_interval_end": run.data_interval_end,
    }
    values.update({name: value for name, value in dates.items() if value is not None})
    return cast("Context", ContextValues(values))


def _dag_run(run: DagRunContext) -> DagRun:
    return DagRun(
        dag_id=run.dag_id,
        run_id=run.run_id,
        run_type=str(run.run_type),
        run_after=run.run_after,
        logical_date=run.logical_date,
        data_interval_start=run.data_interval_start,
        data_interval_end=run.data_interval_end,
        start_date=run.start_date,
        conf=dict(run.conf),
        dag_version=run.dag_version,
        triggering_user_name=run.triggering_user,
    )

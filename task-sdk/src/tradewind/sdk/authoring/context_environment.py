"""The task context as environment variables, for programs that a task starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OWN_PREFIX = "TRADEWIND_CTX_"
_AIRFLOW_PREFIX = "AIRFLOW_CTX_"


def context_environment(context: Mapping[str, Any]) -> dict[str, str]:
    """`TRADEWIND_CTX_DAG_ID` and the like; each under Airflow's name, too, so that scripts need no change."""
    instance, run = context["ti"], context["dag_run"]
    values = {
        "DAG_ID": instance.dag_id,
        "TASK_ID": instance.task_id,
        "DAG_RUN_ID": instance.run_id,
        "TRY_NUMBER": str(instance.try_number),
        "DAG_OWNER": instance.task.owner,
    }
    if run.logical_date is not None:
        values["LOGICAL_DATE"] = run.logical_date.isoformat()
    named = {}
    for name, value in values.items():
        named[_OWN_PREFIX + name] = named[_AIRFLOW_PREFIX + name] = value
    return named

"""What a running task knows of itself: the context, and the one place that says which task this process runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

from tradewind.sdk.authoring.secret_source import SecretSource, sources
from tradewind.sdk.exceptions import OutsideTaskError
from tradewind.sdk.lazy_value import LazyValue, resolved, value_of

if TYPE_CHECKING:
    from tradewind.sdk.contract import DagRunState, DagRunType, RunSummary, XComValue


@dataclass(frozen=True, kw_only=True)
class DagRun:
    """The run that a task belongs to. Dates are aware and in UTC; one that the run does not have is None.

    Attributes:
        next_run_after: when the next scheduled run of the DAG is due, if it has a timetable.
    """

    dag_id: str
    run_id: str
    run_type: DagRunType
    run_after: dt.datetime
    state: DagRunState
    logical_date: dt.datetime | None = None
    data_interval_start: dt.datetime | None = None
    data_interval_end: dt.datetime | None = None
    start_date: dt.datetime | None = None
    end_date: dt.datetime | None = None
    conf: dict[str, Any]
    dag_version: int
    triggering_user_name: str | None = None
    triggered_by: str | None = None
    note: str | None = None
    next_run_after: dt.datetime | None = None

    if not TYPE_CHECKING:  # a type checker is to see that these do not exist

        def __getattr__(self, name: str) -> Any:
            why = _MISSING_OF_RUN.get(name, "there is no such attribute")
            raise AttributeError(f"dag_run has no {name!r}: {why}.")


_MISSING_OF_RUN: Mapping[str, str] = {
    "execution_date": "Airflow 3 removed it; logical_date is its name now",
    "external_trigger": "Airflow 3 removed it; compare run_type with 'manual'",
    "queued_at": "tasks are not told when their run was created; start_date says when it began",
    "get_task_instance": "Airflow 3 has no database in tasks; ti.xcom_pull() reads what other tasks left",
    "get_task_instances": "Airflow 3 has no database in tasks; ti.xcom_pull() reads what other tasks left",
    "consumed_asset_events": "this version of Tradewind does not have assets yet",
    "partition_key": "this version of Tradewind does not have partitions yet",
}


class TaskInstance(Protocol):
    """The task instance that runs: its identity, its try, and its XComs."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_id: str
    try_number: int
    max_tries: int
    start_date: dt.datetime
    hostname: str
    task: Any

    def xcom_push(self, key: str, value: Any) -> None:
        """Leave a value for other tasks of the run."""
        ...

    def xcom_pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str = "return_value",
        include_prior_dates: bool = False,  # noqa: FBT001, FBT002 - Airflow's signature
        *,
        map_indexes: int | Iterable[int] | None = None,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        """Read what tasks of the run have left."""
        ...


class Context(TypedDict, total=False):
    """The keys of a task's context. Those about dates of a schedule are missing in a run that has none.

    `dag` is the DAG and `task` the operator. They are not named by type: both are declared in terms of this.
    """

    conn: Any
    dag: Any
    dag_run: DagRun
    data_interval_end: dt.datetime
    data_interval_start: dt.datetime
    ds: str
    ds_nodash: str
    exception: BaseException | str | None
    inlets: list[Any]
    logical_date: dt.datetime
    macros: Any
    map_index_template: str | None
    outlets: list[Any]
    params: dict[str, Any]
    prev_data_interval_end_success: dt.datetime | None
    prev_data_interval_start_success: dt.datetime | None
    prev_end_date_success: dt.datetime | None
    prev_start_date_success: dt.datetime | None
    reason: str | None
    run_id: str
    task: Any
    task_instance: TaskInstance
    task_instance_key_str: str
    task_reschedule_count: int
    templates_dict: dict[str, Any] | None
    test_mode: bool
    ti: TaskInstance
    try_number: int
    ts: str
    ts_nodash: str
    ts_nodash_with_tz: str
    var: Any


_LATER = "this version of Tradewind does not have it yet"
_NO_DATE = "the run was triggered without a logical date"
_REMOVED_DATE = "Airflow 3 removed it; "

MISSING_KEYS: Mapping[str, str] = {
    "logical_date": _NO_DATE,
    "data_interval_start": _NO_DATE,
    "data_interval_end": _NO_DATE,
    "conf": "the configuration of the run is in dag_run.conf",
    "execution_date": f"{_REMOVED_DATE}logical_date is its name now",
    "next_execution_date": f"{_REMOVED_DATE}use data_interval_end",
    "next_ds": f"{_REMOVED_DATE}use data_interval_end | ds",
    "next_ds_nodash": f"{_REMOVED_DATE}use data_interval_end | ds_nodash",
    "prev_execution_date": f"{_REMOVED_DATE}use prev_data_interval_start_success",
    "prev_execution_date_success": f"{_REMOVED_DATE}use prev_data_interval_start_success",
    "prev_ds": f"{_REMOVED_DATE}use macros.ds_add(ds, -1)",
    "prev_ds_nodash": f"{_REMOVED_DATE}use macros.ds_add(ds, -1)",
    "tomorrow_ds": f"{_REMOVED_DATE}use macros.ds_add(ds, 1)",
    "tomorrow_ds_nodash": f"{_REMOVED_DATE}use macros.ds_add(ds, 1)",
    "yesterday_ds": f"{_REMOVED_DATE}use macros.ds_add(ds, -1)",
    "yesterday_ds_nodash": f"{_REMOVED_DATE}use macros.ds_add(ds, -1)",
    **dict.fromkeys(
        (
            "asset_state_store",
            "expanded_ti_count",
            "inlet_events",
            "outlet_events",
            "partition_date",
            "partition_key",
            "task_state_store",
            "triggering_asset_events",
        ),
        _LATER,
    ),
}
"""Why a key of Airflow's context may be missing."""

CONTEXT_KEYS = frozenset(Context.__annotations__) | (
    frozenset(MISSING_KEYS) - {key for key, why in MISSING_KEYS.items() if why.startswith(_REMOVED_DATE)}
)
"""Names that mean the context when a function has a parameter of such a name."""


EMPTY_KEYS = frozenset({"exception", "reason"})
"""Keys that have a value in callbacks only; a running task gets None for them."""


class ContextValues(dict[str, Any]):
    """The context as a dict whose error for a missing key says why it is missing.

    A lazy value is looked up when its key is asked for; what copies the dict as a whole, such as `f(**context)`, gets
    the lazy value itself and costs no call.
    """

    def __getitem__(self, key: str) -> Any:
        value = dict.__getitem__(self, key)
        return value_of(value) if type(value) is LazyValue else value

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key; the default when the context has no such key."""
        return resolved(dict.get(self, key, default))

    def __missing__(self, key: object) -> Any:
        if key in EMPTY_KEYS:
            return None
        reason = MISSING_KEYS.get(key) if isinstance(key, str) else None
        raise KeyError(f"The task context has no {key!r}: {reason or 'there is no such key'}.")


class RunningTask(SecretSource, Protocol):
    """What user code may ask of the task that this process runs."""

    context: Context

    def set_variable(self, key: str, value: str, description: str | None = None) -> None:
        """Write a variable."""
        ...

    def delete_variable(self, key: str) -> bool:
        """Delete a variable; False when there is none."""
        ...

    def find_xcom(
        self,
        dag_id: str,
        task_id: str,
        key: str,
        *,
        run_id: str | None = None,
        include_prior_dates: bool = False,
        map_index: int | None = None,
    ) -> XComValue | None:
        """An XCom of any run as it is kept; None when there is none."""
        ...

    def trigger_run(
        self,
        dag_id: str,
        *,
        run_id: str | None = None,
        logical_date: dt.datetime | None = None,
        run_after: dt.datetime | None = None,
        conf: Mapping[str, Any] | None = None,
        note: str | None = None,
        reset: bool = False,
    ) -> RunSummary:
        """Create a run of a DAG."""
        ...

    def get_run(self, dag_id: str, run_id: str) -> RunSummary | None:
        """A run of a DAG; None when there is none."""
        ...

    def get_previous_run(self, state: DagRunState | None = None) -> RunSummary | None:
        """The run of the DAG before this one, the last in a state if one is given; None when there is none."""
        ...


# Not a context variable: threads that user code starts belong to the task, too.
_running: list[RunningTask] = []


class running:  # noqa: N801 - used like a function; a generator would cost a forked process more memory pages
    """Make this the task of the process, whose secrets are read meanwhile."""

    __slots__ = ("_task",)

    def __init__(self, task: RunningTask) -> None:
        self._task = task

    def __enter__(self) -> None:
        _running.append(self._task)
        sources.append(self._task)

    def __exit__(self, *_exception: object) -> None:
        sources.remove(self._task)
        _running.pop()


def running_task(wanted: str) -> RunningTask:
    """The task of the process.

    Args:
        wanted: what needs it, to begin the sentence of the error with.

    Raises:
        OutsideTaskError: no task runs in this process.
    """
    if not _running:
        raise OutsideTaskError(
            f"{wanted} works in a running task only. In a DAG file, move it into a task's own function."
        )
    return _running[-1]


def get_current_context() -> Context:
    """The context of the running task, for functions that were not given it.

    Raises:
        OutsideTaskError: no task runs in this process.
    """
    return running_task("get_current_context()").context

"""What a running task knows of itself: the context, and the one place that says which task this process runs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

from tradewind.sdk.exceptions import OutsideTaskError

if TYPE_CHECKING:
    from tradewind.sdk.contract import Connection


@dataclass(frozen=True, kw_only=True)
class DagRun:
    """The run that a task belongs to. Dates are aware and in UTC; one that the run does not have is None."""

    dag_id: str
    run_id: str
    run_type: str
    run_after: dt.datetime
    logical_date: dt.datetime | None = None
    data_interval_start: dt.datetime | None = None
    data_interval_end: dt.datetime | None = None
    start_date: dt.datetime | None = None
    conf: dict[str, Any]
    dag_version: int
    triggering_user_name: str | None = None


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

    dag: Any
    dag_run: DagRun
    data_interval_end: dt.datetime
    data_interval_start: dt.datetime
    ds: str
    ds_nodash: str
    logical_date: dt.datetime
    map_index_template: str | None
    params: dict[str, Any]
    run_id: str
    task: Any
    task_instance: TaskInstance
    task_instance_key_str: str
    templates_dict: dict[str, Any] | None
    test_mode: bool
    ti: TaskInstance
    try_number: int
    ts: str
    ts_nodash: str
    ts_nodash_with_tz: str


_LATER = "this version of Tradewind does not have it yet"
_NO_DATE = "the run was triggered without a logical date"

MISSING_KEYS: Mapping[str, str] = {
    "logical_date": _NO_DATE,
    "data_interval_start": _NO_DATE,
    "data_interval_end": _NO_DATE,
    "conf": "the configuration of the run is in dag_run.conf",
    "execution_date": "Airflow 3 removed it; logical_date is its name now",
    "exception": "it exists in callbacks only",
    "reason": "it exists in callbacks only",
    "var": f"{_LATER}; use Variable.get(...)",
    "conn": f"{_LATER}; use Connection.get(...)",
    **dict.fromkeys(
        (
            "asset_state_store",
            "expanded_ti_count",
            "inlet_events",
            "inlets",
            "macros",
            "outlet_events",
            "outlets",
            "partition_date",
            "partition_key",
            "prev_data_interval_end_success",
            "prev_data_interval_start_success",
            "prev_end_date_success",
            "prev_start_date_success",
            "task_reschedule_count",
            "task_state_store",
            "triggering_asset_events",
        ),
        _LATER,
    ),
}
"""Why a key of Airflow's context may be missing."""

CONTEXT_KEYS = frozenset(Context.__annotations__) | frozenset(MISSING_KEYS)
"""Names that mean the context when a function has a parameter of such a name."""


class ContextValues(dict[str, Any]):
    """The context as a dict whose error for a missing key says why it is missing."""

    def __missing__(self, key: object) -> Any:
        reason = MISSING_KEYS.get(key) if isinstance(key, str) else None
        raise KeyError(f"The task context has no {key!r}: {reason or 'there is no such key'}.")


class RunningTask(Protocol):
    """What user code may ask of the task that this process runs."""

    context: Context

    def get_variable(self, key: str) -> str | None:
        """The value of a variable; None when there is no such variable."""
        ...

    def get_connection(self, conn_id: str) -> Connection | None:
        """A connection; None when there is no such connection."""
        ...


# Not a context variable: threads that user code starts belong to the task, too.
_running: list[RunningTask] = []


@contextmanager
def running(task: RunningTask) -> Iterator[None]:
    """Make this the task of the process."""
    _running.append(task)
    try:
        yield
    finally:
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

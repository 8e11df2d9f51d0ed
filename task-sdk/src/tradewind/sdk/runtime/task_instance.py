"""The running task instance, as user code sees it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.authoring.xcom import xcom_backend
from tradewind.sdk.authoring.xcom_arg import XCOM_RETURN_KEY
from tradewind.sdk.client.task_client import TaskClient
from tradewind.sdk.contract import DagRunState, RunSummary, XComValue
from tradewind.sdk.exceptions import TradewindNotFoundException
from tradewind.sdk.runtime.instance_facts import InstanceFacts
from tradewind.sdk.runtime.xcom_value import XComPlace, xcom_key, xcom_value


@dataclass
class RuntimeTaskInstance(InstanceFacts):
    """The task instance of this process.

    Attributes:
        try_number: 1 for the first try.
        max_tries: retries that it may have; in Airflow, too, the first try does not count here.
        start_date: when this try began, in UTC.
        skips: tasks that it found not to be needed, see `skip_tasks`.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_id: str
    try_number: int
    max_tries: int
    start_date: dt.datetime
    hostname: str
    task: BaseOperator
    _client: TaskClient = field(repr=False)
    skips: dict[str, None] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        """Leave a value for other tasks of the run; it is committed when this returns.

        Raises:
            XComNotSerializableError: it has no form in JSON, or is too large.
        """
        key = xcom_key(key, self.task_id)
        self._client.set_xcom(key, self.written(key, value))

    def written(self, key: str, value: Any) -> Any:
        """A value as the control plane is to keep it under a key.

        Raises:
            XComNotSerializableError: it has no form in JSON, or is too large.
        """
        return xcom_value(value, XComPlace(self.dag_id, self.run_id, self.task_id, self.map_index), key)

    def xcom_pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str = XCOM_RETURN_KEY,
        include_prior_dates: bool = False,  # noqa: FBT001, FBT002 - Airflow's signature
        *,
        map_indexes: int | Iterable[int] | None = None,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        """Read what tasks have left.

        Args:
            task_ids: one task or several; the own one when None.
            dag_id: DAG of the run; the own one when None. Another DAG is declared in `read_dags`.
            key: key of the XCom; the value that a task returned unless given.
            include_prior_dates: whether the newest value of that run and the runs before it is meant.
            map_indexes: index of a mapped task instance, or several.
            default: what stands for an XCom that does not exist.
            run_id: the run; the one with the name of the own run when None.

        Returns:
            The value, or a list of values when several tasks or indexes are named.

        Raises:
            XComNotReadableError: a value cannot or may not be rebuilt in this process.
        """
        key = xcom_key(key, self.task_id)
        tasks = [self.task_id] if task_ids is None else [task_ids] if isinstance(task_ids, str) else list(task_ids)
        single_index = map_indexes is None or isinstance(map_indexes, int)
        indexes = [map_indexes] if map_indexes is None or isinstance(map_indexes, int) else list(map_indexes)
        backend = xcom_backend()
        values = []
        for task_id in tasks:
            for index in indexes:
                found = self._find(dag_id, run_id, task_id, key, index, include_prior_dates=include_prior_dates)
                values.append(default if found is None else backend.deserialize_value(found))
        return values[0] if single_index and (task_ids is None or isinstance(task_ids, str)) else values

    async def axcom_push(self, key: str, value: Any) -> None:
        """The same as `xcom_push` for an event loop, which goes on meanwhile."""
        import asyncio

        await asyncio.to_thread(self.xcom_push, key, value)

    async def axcom_pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str = XCOM_RETURN_KEY,
        include_prior_dates: bool = False,  # noqa: FBT001, FBT002 - Airflow's signature
        *,
        map_indexes: int | Iterable[int] | None = None,
        default: Any = None,
        run_id: str | None = None,
    ) -> Any:
        """The same as `xcom_pull` for an event loop, which goes on meanwhile."""
        import asyncio

        return await asyncio.to_thread(
            self.xcom_pull,
            task_ids,
            dag_id,
            key,
            include_prior_dates,
            map_indexes=map_indexes,
            default=default,
            run_id=run_id,
        )

    def get_previous_dagrun(self, state: DagRunState | str | None = None) -> RunSummary | None:
        """The run of the DAG before this one, in any state or in one; None when there is none."""
        return self._client.get_previous_run(None if state is None else DagRunState(state))

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        """The state of a run of the own DAG, or of one that is declared in `read_dags` or `trigger_dags`.

        Raises:
            TradewindNotFoundException: there is no such run.
        """
        found = self._client.get_run(dag_id, run_id)
        if found is None:
            raise TradewindNotFoundException(f"DAG {dag_id!r} has no run {run_id!r}.")
        return str(found.state)

    def _find(
        self,
        dag_id: str | None,
        run_id: str | None,
        task_id: str,
        key: str,
        map_index: int | None,
        *,
        include_prior_dates: bool,
    ) -> XComValue | None:
        if dag_id in {None, self.dag_id} and run_id in {None, self.run_id} and not include_prior_dates:
            return self._client.get_xcom(task_id, key, map_index)
        return self._client.find_xcom(
            dag_id or self.dag_id,
            task_id,
            key,
            run_id=run_id,
            include_prior_dates=include_prior_dates,
            map_index=map_index,
        )

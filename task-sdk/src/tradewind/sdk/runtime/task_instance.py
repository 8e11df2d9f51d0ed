"""The running task instance, as user code sees it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.authoring.unsupported import unsupported
from tradewind.sdk.authoring.xcom_arg import XCOM_RETURN_KEY
from tradewind.sdk.client.task_client import TaskClient
from tradewind.sdk.runtime.xcom_value import xcom_key, xcom_value


@dataclass
class RuntimeTaskInstance:
    """The task instance of this process.

    Attributes:
        try_number: 1 for the first try.
        max_tries: tries that it may have, lost ones not counted.
        start_date: when this try began, in UTC.
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

    def xcom_push(self, key: str, value: Any) -> None:
        """Leave a value for other tasks of the run; it is committed when this returns.

        Raises:
            XComNotSerializableError: it is no JSON value, or too large.
        """
        key = xcom_key(key, self.task_id)
        self._client.set_xcom(key, xcom_value(value, self.task_id, key))

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
        """Read what tasks of the run have left.

        Args:
            task_ids: one task or several; the own one when None.
            dag_id: only the own DAG is supported yet.
            key: key of the XCom; the value that a task returned unless given.
            include_prior_dates: not supported yet.
            map_indexes: index of a mapped task instance, or several.
            default: what stands for an XCom that does not exist.
            run_id: only the own run is supported yet.

        Returns:
            The value, or a list of values when several tasks or indexes are named.
        """
        if dag_id not in {None, self.dag_id} or run_id not in {None, self.run_id}:
            raise unsupported("xcom_pull() from another DAG or run", "XComs of other runs")
        if include_prior_dates:
            raise unsupported("xcom_pull(include_prior_dates=True)", "XComs of other runs")
        tasks = [self.task_id] if task_ids is None else [task_ids] if isinstance(task_ids, str) else list(task_ids)
        single_index = map_indexes is None or isinstance(map_indexes, int)
        indexes = [map_indexes] if map_indexes is None or isinstance(map_indexes, int) else list(map_indexes)
        found = [self._pull(task_id, key, index, default) for task_id in tasks for index in indexes]
        return found[0] if single_index and (task_ids is None or isinstance(task_ids, str)) else found

    def _pull(self, task_id: str, key: str, map_index: int | None, default: Any) -> Any:
        found = self._client.get_xcom(task_id, xcom_key(key, self.task_id), map_index)
        return default if found is None else found.value

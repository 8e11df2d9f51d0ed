"""Runs one try of a task, from its assignment to its end as one outcome."""

from __future__ import annotations

import datetime as dt
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tradewind.sdk.authoring.context import running
from tradewind.sdk.authoring.context_environment import context_environment
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.authoring.secret_source import reading_from
from tradewind.sdk.authoring.xcom_arg import XCOM_RETURN_KEY
from tradewind.sdk.client.calls import Transport
from tradewind.sdk.client.task_client import TaskClient
from tradewind.sdk.contract import Assignment, ExecuteTask, TaskFailed, TaskSkipped, TaskSucceeded, XComEntry
from tradewind.sdk.dates import context_date
from tradewind.sdk.error_text import cut_message, message_of
from tradewind.sdk.exceptions import DownstreamTasksSkipped, TradewindSkipException, XComNotSerializableError
from tradewind.sdk.masking import Masker
from tradewind.sdk.parsing.loading import LoadedFile, load_dag_file
from tradewind.sdk.runtime.activity_secrets import ActivitySecrets
from tradewind.sdk.runtime.task_context import build_context
from tradewind.sdk.runtime.task_execution import call_operator, copy_of
from tradewind.sdk.runtime.task_failure import Verdict, from_user_code, judge, task_error, usual_verdict
from tradewind.sdk.runtime.task_instance import RuntimeTaskInstance
from tradewind.sdk.runtime.task_services import TaskServices
from tradewind.sdk.runtime.termination import interrupted_by_sigterm
from tradewind.sdk.runtime.xcom_value import xcom_key

MAX_XCOMS = 1000
"""XComs that one outcome may carry."""

_log = logging.getLogger("tradewind.task")


def run_task(
    assignment: Assignment, activity: ExecuteTask, transport: Transport, loaded: LoadedFile | None, masker: Masker
) -> TaskSucceeded | TaskFailed | TaskSkipped:
    """Run a try; whatever user code raises becomes its outcome.

    Args:
        assignment: the assignment, for secrets and place of the code.
        activity: which try of which task.
        transport: the way of the task's own calls.
        loaded: the DAG file, if it is imported already.
        masker: hides secrets in what the outcome says.
    """
    return _TaskRun(assignment, activity, transport, loaded, masker).run()


class _TaskRun:
    """One try, with what its failure has to say about a retry."""

    def __init__(
        self,
        assignment: Assignment,
        activity: ExecuteTask,
        transport: Transport,
        loaded: LoadedFile | None,
        masker: Masker,
    ) -> None:
        self._assignment = assignment
        self._activity = activity
        self._client = TaskClient(transport)
        self._loaded = loaded
        self._masker = masker
        self._started_at = _now()
        self._verdict: Verdict | None = None

    def run(self) -> TaskSucceeded | TaskFailed | TaskSkipped:
        """Run it; whatever user code raises becomes its outcome."""
        try:
            return self._succeeded()
        except TradewindSkipException as skip:
            message = cut_message(self._masker.mask(message_of(skip)))
            _log.info("Task skipped: %s", message)
            return TaskSkipped(started_at=self._started_at, ended_at=_now(), message=message)
        except BaseException as error:  # noqa: BLE001 - sys.exit() or an interrupt of user code is a failure of the task
            _log.error("Task failed.", exc_info=from_user_code(error))
            said = task_error(error, self._verdict or usual_verdict(error), self._masker)
            return TaskFailed(started_at=self._started_at, ended_at=_now(), error=said)

    def _succeeded(self) -> TaskSucceeded:
        loaded = self._loaded
        if loaded is None:
            with reading_from(ActivitySecrets(self._assignment.secrets, self._client, self._masker)):
                loaded = load_dag_file(self._assignment.snapshot_directory, self._activity.code.file)
        identity = self._activity.task_try
        task = copy_of(loaded.task(identity.dag_id, identity.task_id))
        instance = self._instance(task)
        context = build_context(instance, self._activity.dag_run, self._client.get_previous_run)
        with (
            running(TaskServices(context, self._assignment.secrets, self._client, self._masker)),
            _environment(context_environment(context)),
            interrupted_by_sigterm(task.on_kill),
        ):
            try:
                xcoms = _xcoms(instance, call_operator(task, context))
            except DownstreamTasksSkipped as skipping:
                instance.skip_tasks(skipping.tasks)
                xcoms = []
            except TradewindSkipException:
                raise
            except BaseException as error:
                self._verdict = judge(error, task, instance)
                raise
        return TaskSucceeded(
            started_at=self._started_at, ended_at=_now(), xcoms=xcoms, skips=list(instance.skips) or None
        )

    def _instance(self, task: BaseOperator) -> RuntimeTaskInstance:
        identity = self._activity.task_try
        return RuntimeTaskInstance(
            dag_id=identity.dag_id,
            run_id=identity.run_id,
            task_id=identity.task_id,
            map_index=identity.map_index,
            try_id=identity.try_id,
            try_number=identity.try_number,
            max_tries=self._activity.max_tries - 1,  # Airflow's counts the retries
            start_date=context_date(self._started_at),
            hostname=os.uname().nodename,
            task=task,
            _client=self._client,
        )


def _xcoms(instance: RuntimeTaskInstance, result: Any) -> list[XComEntry]:
    task = instance.task
    if result is None or not task.do_xcom_push:
        return []
    values = {XCOM_RETURN_KEY: result}
    if task.multiple_outputs:
        if not isinstance(result, Mapping):
            raise XComNotSerializableError(
                f"Task {task.task_id!r} has multiple_outputs and must return a dict, not {type(result).__name__}."
            )
        values = {**{xcom_key(key, task.task_id): value for key, value in result.items()}, **values}
    if len(values) > MAX_XCOMS:
        raise XComNotSerializableError(
            f"Task {task.task_id!r} returns {len(values) - 1} outputs; at most {MAX_XCOMS - 1} are kept."
        )
    return [XComEntry(key=key, value=instance.written(key, value)) for key, value in values.items()]


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)

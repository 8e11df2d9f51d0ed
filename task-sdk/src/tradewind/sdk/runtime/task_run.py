"""Runs one try of a task, from its assignment to its end as one outcome."""

from __future__ import annotations

import datetime as dt
import logging
import os
from collections.abc import Mapping
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
            _Environment(context_environment(context)),
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
        # By position: Python would make a dict of keywords.
        return RuntimeTaskInstance(
            identity.dag_id,
            identity.run_id,
            identity.task_id,
            identity.map_index,
            identity.try_id,
            identity.try_number,
            self._activity.max_tries - 1,  # Airflow's counts the retries
            context_date(self._started_at),
            os.uname().nodename,
            task,
            self._client,
            {},
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


class _Environment:
    """Sets variables of the environment meanwhile. No generator, which costs a forked process more memory pages."""

    __slots__ = ("_before", "_values")
    _before: dict[str, str]

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __enter__(self) -> None:
        environ = os.environ
        # Its own dict is asked, since each variable that `os.environ` does not find costs two exceptions.
        kept = vars(environ)["_data"]
        before = self._before = {}
        for name, value in self._values.items():
            if name.encode() in kept:
                before[name] = environ[name]
            environ[name] = value

    def __exit__(self, *_exception: object) -> None:
        environ = os.environ
        kept = vars(environ)["_data"]
        for name in self._values:
            if name in self._before:
                environ[name] = self._before[name]
            elif name.encode() in kept:
                del environ[name]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)

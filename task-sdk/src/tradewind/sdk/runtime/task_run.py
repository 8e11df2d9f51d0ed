"""Runs one try of a task: its arguments resolved, its operator called, its end as one outcome."""

from __future__ import annotations

import copy
import datetime as dt
import logging
import os
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from tradewind.sdk.authoring.context import Context, running
from tradewind.sdk.authoring.context_environment import context_environment
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.authoring.xcom_arg import XCOM_RETURN_KEY, resolve
from tradewind.sdk.client.calls import Transport
from tradewind.sdk.client.task_client import TaskClient
from tradewind.sdk.contract import (
    Assignment,
    ExecuteTask,
    TaskError,
    TaskFailed,
    TaskSkipped,
    TaskSucceeded,
    XComEntry,
)
from tradewind.sdk.error_text import cut_message, cut_traceback, message_of, type_name
from tradewind.sdk.exceptions import TradewindFailException, TradewindSkipException, XComNotSerializableError
from tradewind.sdk.masking import Masker
from tradewind.sdk.parsing.loading import DagFileError, LoadedFile, load_dag_file
from tradewind.sdk.runtime.task_context import build_context
from tradewind.sdk.runtime.task_instance import RuntimeTaskInstance
from tradewind.sdk.runtime.task_secrets import TaskSecrets
from tradewind.sdk.runtime.termination import interrupted_by_sigterm
from tradewind.sdk.runtime.xcom_value import xcom_key, xcom_value

MAX_XCOMS = 1000
"""XComs that one outcome may carry."""

_SDK = str(Path(__file__).resolve().parent.parent)
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
    started_at = _now()
    try:
        xcoms = _execute(assignment, activity, transport, loaded, masker=masker, started_at=started_at)
    except TradewindSkipException as skip:
        message = cut_message(masker.mask(message_of(skip)))
        _log.info("Task skipped: %s", message)
        return TaskSkipped(started_at=started_at, ended_at=_now(), message=message)
    except BaseException as error:  # noqa: BLE001 - sys.exit() or an interrupt of user code is a failure of the task
        _log.error("Task failed.", exc_info=_from_user_code(error))
        return TaskFailed(started_at=started_at, ended_at=_now(), error=_task_error(error, masker))
    return TaskSucceeded(started_at=started_at, ended_at=_now(), xcoms=xcoms)


def _execute(
    assignment: Assignment,
    activity: ExecuteTask,
    transport: Transport,
    loaded: LoadedFile | None,
    *,
    masker: Masker,
    started_at: dt.datetime,
) -> list[XComEntry]:
    if loaded is None:
        loaded = load_dag_file(assignment.snapshot_directory, activity.code.file)
    identity = activity.task_try
    task = _copy(loaded.task(identity.dag_id, identity.task_id))
    client = TaskClient(transport)
    instance = RuntimeTaskInstance(
        dag_id=identity.dag_id,
        run_id=identity.run_id,
        task_id=identity.task_id,
        map_index=identity.map_index,
        try_id=identity.try_id,
        try_number=identity.try_number,
        max_tries=activity.max_tries,
        start_date=started_at,
        hostname=os.uname().nodename,
        task=task,
        _client=client,
    )
    context = build_context(instance, activity.dag_run)
    with (
        running(TaskSecrets(context, assignment.secrets, client, masker)),
        _environment(context_environment(context)),
        interrupted_by_sigterm(task.on_kill),
    ):
        return _xcoms(task, _call_operator(task, context))


def _copy(task: BaseOperator) -> BaseOperator:
    kind = type(task)
    if hasattr(kind, "__copy__") or kind.__basicsize__ != BaseOperator.__basicsize__:  # its own way, or slots
        return copy.copy(task)
    # `copy.copy` takes the way of pickling, which makes a forked process copy more memory pages.
    copied = object.__new__(kind)
    copied.__dict__.update(task.__dict__)
    return copied


def _call_operator(task: BaseOperator, context: Context) -> Any:
    # The copy takes any value now: what a declaration may not hold, such as braces, a result of another task may.
    task.__dict__["_ready"] = False
    for name in task.template_fields:
        setattr(task, name, resolve(getattr(task, name), context))
    task.pre_execute(context)
    result = task.execute(context)
    task.post_execute(context, result)
    return result


def _xcoms(task: BaseOperator, result: Any) -> list[XComEntry]:
    if result is None or not task.do_xcom_push:
        return []
    entries = {XCOM_RETURN_KEY: xcom_value(result, task.task_id, XCOM_RETURN_KEY)}
    if task.multiple_outputs:
        if not isinstance(result, Mapping):
            raise XComNotSerializableError(
                f"Task {task.task_id!r} has multiple_outputs and must return a dict, not {type(result).__name__}."
            )
        plain = entries[XCOM_RETURN_KEY]
        entries = {**{xcom_key(key, task.task_id): value for key, value in plain.items()}, **entries}
    if len(entries) > MAX_XCOMS:
        raise XComNotSerializableError(
            f"Task {task.task_id!r} returns {len(entries) - 1} outputs; at most {MAX_XCOMS - 1} are kept."
        )
    return [XComEntry(key=key, value=value) for key, value in entries.items()]


def _task_error(error: BaseException, masker: Masker) -> TaskError:
    if isinstance(error, DagFileError):
        imported = error.error
        kind, trace = imported.type, imported.traceback or ""
    else:
        kind, trace = type_name(error), "".join(traceback.format_exception(*_from_user_code(error)))
    message = message_of(error)
    if isinstance(error, SystemExit):
        message = f"The task called sys.exit({error.code!r}). A task ends by returning, or by raising an exception."
    return TaskError(
        type=kind,
        message=cut_message(masker.mask(message)),
        traceback=cut_traceback(masker.mask(trace)) or None,
        retryable=not isinstance(error, TradewindFailException),
    )


def _from_user_code(error: BaseException) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    """The exception without the frames that lead from this module to user code."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_SDK):
        trace = trace.tb_next
    return type(error), error, trace or error.__traceback__


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

"""Runs an activity of any kind."""

from __future__ import annotations

import contextlib
import faulthandler
import sys
from collections.abc import Iterator

from tradewind.sdk.authoring.secret_source import reading_from
from tradewind.sdk.authoring.xcom import use_xcom_settings
from tradewind.sdk.client.calls import Transport
from tradewind.sdk.client.task_client import TaskClient
from tradewind.sdk.contract import Assignment, ExecuteTask, FileParsed, Outcome, ParseDagFile
from tradewind.sdk.masking import Masker, secret_values
from tradewind.sdk.parsing.loading import LoadedFile
from tradewind.sdk.parsing.parse import parse_file
from tradewind.sdk.runtime.activity_secrets import ParseSecrets
from tradewind.sdk.runtime.task_log import task_log
from tradewind.sdk.runtime.task_run import run_task

_STACK_AFTER_SECONDS = 2.0
"""How long after its time limit an import that does not react shows where it is."""


def run_activity(
    assignment: Assignment, transport: Transport, loaded: LoadedFile | None, *, log_descriptor: int | None = None
) -> Outcome:
    """Run an activity; whatever user code does short of ending the process comes back as its outcome.

    Call it in the main thread of a process that runs this one activity.

    Args:
        assignment: what to do.
        transport: the way of the calls of user code.
        loaded: the DAG file, where this process or the one that it was forked from has imported it.
        log_descriptor: descriptor for the log, one record a line; logging stays as it is without one.
    """
    secrets = assignment.secrets
    masker = Masker(secret_values(secrets) if secrets.connections or secrets.variables else ())
    use_xcom_settings(assignment.xcom_backend, assignment.xcom_classes or ())
    with task_log(log_descriptor, masker):
        try:
            if isinstance(assignment.activity, ExecuteTask):
                return run_task(assignment, assignment.activity, transport, loaded, masker)
            with reading_from(ParseSecrets(assignment.secrets, TaskClient(transport), masker)):
                return _parse(assignment.snapshot_directory, assignment.activity, log_descriptor)
        finally:
            _flush()


def _parse(directory: str, activity: ParseDagFile, log_descriptor: int | None) -> FileParsed:
    with _stack_dump(activity.timeout_seconds + _STACK_AFTER_SECONDS, log_descriptor):
        return parse_file(directory, activity.code.file, timeout_seconds=activity.timeout_seconds, process_ends=True)


@contextlib.contextmanager
def _stack_dump(after_seconds: float, descriptor: int | None) -> Iterator[None]:
    """Write the stack to the log when the import runs on: code that stays in C never sees the alarm."""
    if descriptor is None:
        yield
        return
    faulthandler.dump_traceback_later(after_seconds, file=descriptor)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:  # noqa: SIM105 - a child copies fewer pages without contextlib
            stream.flush()
        except (OSError, ValueError, AttributeError):  # user code may have closed or replaced it
            pass

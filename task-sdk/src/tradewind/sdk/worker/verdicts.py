"""How an activity ended, in the words of the contract, when its own process did not say it."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import signal
from pathlib import Path

import msgspec

from tradewind.sdk.client.calls import ProblemError
from tradewind.sdk.contract import (
    Activity,
    ActivityInterrupted,
    DagImportError,
    FileParsed,
    InterruptCause,
    Outcome,
    ParseDagFile,
    TaskError,
    TaskFailed,
    TaskSkipped,
)
from tradewind.sdk.worker.code_cache import digest_of_files
from tradewind.sdk.worker.log_lines import Masks

MAX_MESSAGE = 10_000
MAX_TRACEBACK = 200_000
"""Limits of the contract for the texts of an error, in characters."""


def cancelled(message: str = "The server wants the activity to end.") -> ActivityInterrupted:
    """The outcome of an activity whose dispatch is not live any more: it says that nothing of it runs here."""
    return interrupted(InterruptCause.CANCELLED, message)


class Verdicts:
    """Makes the outcomes of one activity that the supervisor has to speak for.

    Args:
        activity: the activity.
        began: when the worker took it up.
    """

    def __init__(self, activity: Activity, began: dt.datetime) -> None:
        self._activity = activity
        self._began = began
        self.snapshot_directory: Path | None = None

    def failed(self, kind: str, message: str, *, retryable: bool = True, traceback: str | None = None) -> Outcome:
        """The activity failed: a failed try, or an import error of the file.

        Args:
            kind: class of the error, as users see it.
            message: what went wrong and what to do.
            retryable: whether another try may do better.
            traceback: what the process wrote before its end.
        """
        now = dt.datetime.now(dt.UTC)
        message, traceback = message[:MAX_MESSAGE], traceback[-MAX_TRACEBACK:] if traceback else None
        if not isinstance(self._activity, ParseDagFile):
            error = TaskError(type=kind, message=message, traceback=traceback, retryable=retryable)
            return TaskFailed(started_at=self._began, ended_at=now, error=error)
        file = self._activity.code.file
        files_read = self._files_read(file)
        return FileParsed(
            ended_at=now,
            duration_seconds=max((now - self._began).total_seconds(), 0.0),
            code_id=digest_of_files(files_read),
            files_read=files_read,
            dags=[],
            error=DagImportError(
                file=file, line=self._blamed_line(file, traceback), type=kind, message=message, traceback=traceback
            ),
        )

    def ended_without_result(self, code: int | None, number: int | None, tail: str | None = None) -> Outcome:
        """The process is gone and has not told how the activity ended."""
        if number is not None:
            name = signal_name(number)
            hint = " The kernel does that when memory runs out." if number == signal.SIGKILL else ""
            return self.failed("ProcessKilled", f"The process was killed by {name}.{hint}", traceback=tail)
        how = "ended in a way that is not known" if code is None else f"exited with code {code}"
        return self.failed("ProcessExited", f"The process {how} before it reported a result.", traceback=tail)

    def timed_out(self, tail: str | None) -> Outcome:
        """The activity went on beyond its own time limit, and its process could not stop it."""
        if not isinstance(self._activity, ParseDagFile):
            return self.failed(
                "TradewindTaskTimeout",
                f"The task ran longer than its execution_timeout of {self._activity.execution_timeout_seconds:g} s and "
                "did not end when it was interrupted, so its process was killed. Raise the limit, or have the code "
                "that waits give up by itself.",
                traceback=tail,
            )
        seconds = self._activity.timeout_seconds
        return self.failed(
            "DagFileTimeout",
            f"The import took longer than {seconds:g} s and was killed. Move slow work out of the file's top level "
            "into tasks, or raise dags.parse_timeout_seconds of the server.",
            traceback=tail,
        )

    def too_large(self, size: int, limit: int) -> Outcome:
        """What the activity leaves is more than the server takes."""
        what = "list of DAGs" if isinstance(self._activity, ParseDagFile) else "return value"
        return self.failed(
            "ResultTooLarge",
            f"The {what} has {size} bytes as JSON; the server's limit is {limit} (max_body_bytes). Leave large data "
            "where both tasks reach it and return its address, or raise the limit.",
            retryable=False,
        )

    def refused(self, problem: ProblemError) -> Outcome:
        """The server does not take the outcome as the activity reported it."""
        field = f"Field: {problem.field}." if problem.field else ""
        words = [f"The server refused the outcome ({problem.reason}): {problem.detail}", field, problem.action or ""]
        return self.failed("OutcomeRefused", " ".join(filter(None, words)), retryable=False)

    def _blamed_line(self, file: str, traceback: str | None) -> int | None:
        """Line of the file in the last stack that the process wrote, which fault handlers write innermost first."""
        if not traceback or self.snapshot_directory is None:
            return None
        _, innermost_first, stack = traceback.rpartition("(most recent call first)")
        lines = re.findall(rf'File "{re.escape(str(self.snapshot_directory / file))}", line (\d+)', stack)
        return int(lines[0 if innermost_first else -1]) if lines else None

    def _files_read(self, file: str) -> dict[str, str]:
        """The file itself, as far as it was there: a parse that died tells nothing about the others."""
        if self.snapshot_directory is None:
            return {}
        try:
            content = (self.snapshot_directory / file).read_bytes()
        except OSError:
            return {}
        return {file: hashlib.sha256(content).hexdigest()}


def interrupted(cause: InterruptCause, message: str) -> ActivityInterrupted:
    """The worker ended the activity, or could not start it."""
    return ActivityInterrupted(ended_at=dt.datetime.now(dt.UTC), cause=cause, message=message[:MAX_MESSAGE])


def fits(activity: Activity, outcome: Outcome) -> bool:
    """Whether a process may end such an activity with such an outcome; interrupted is a word of the worker alone."""
    if isinstance(outcome, ActivityInterrupted):
        return False
    return isinstance(outcome, FileParsed) == isinstance(activity, ParseDagFile)


def masked(outcome: Outcome, masks: Masks) -> Outcome:
    """The outcome without secrets in its texts. What a task returned or a file declares is its own."""
    if isinstance(outcome, TaskFailed):
        error = outcome.error
        traceback = masks.mask(error.traceback)[-MAX_TRACEBACK:] if error.traceback else None
        message = masks.mask(error.message)[:MAX_MESSAGE]
        return msgspec.structs.replace(
            outcome, error=msgspec.structs.replace(error, message=message, traceback=traceback)
        )
    if isinstance(outcome, FileParsed) and outcome.error is not None:
        blamed = outcome.error
        traceback = masks.mask(blamed.traceback)[-MAX_TRACEBACK:] if blamed.traceback else None
        message = masks.mask(blamed.message)[:MAX_MESSAGE]
        return msgspec.structs.replace(
            outcome, error=msgspec.structs.replace(blamed, message=message, traceback=traceback)
        )
    if isinstance(outcome, TaskSkipped) and outcome.message:
        return msgspec.structs.replace(outcome, message=masks.mask(outcome.message)[:MAX_MESSAGE])
    return outcome


def signal_name(number: int) -> str:
    """`SIGKILL (signal 9)`."""
    try:
        return f"{signal.Signals(number).name} (signal {number})"
    except ValueError:
        return f"signal {number}"

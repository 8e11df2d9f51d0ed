"""One activity on this worker, from its delivery to the receipt of exactly one outcome."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import logging
from collections.abc import Callable, Coroutine

import msgspec

from tradewind.sdk.client.calls import ProblemError
from tradewind.sdk.contract import (
    ActivityInterrupted,
    Delivery,
    InterruptCause,
    LogLevel,
    LogSource,
    OnCut,
    Outcome,
    ParseDagFile,
    ProblemReason,
    Started,
    decode,
)
from tradewind.sdk.masking import Masker, secret_values
from tradewind.sdk.worker.activity_calls import ActivityCalls
from tradewind.sdk.worker.alarms import Alarm, alarms
from tradewind.sdk.worker.code_cache import CodeUnavailable
from tradewind.sdk.worker.exiting import let_exit
from tradewind.sdk.worker.finishing import SPOOL_WITHIN_SECONDS
from tradewind.sdk.worker.forwarding import Forwarder, RawMask, RawRequest, decode_child_frame
from tradewind.sdk.worker.launcher import FrameTooLarge, LaunchedProcess, LaunchFailed
from tradewind.sdk.worker.line import Backoff, problem_of
from tradewind.sdk.worker.logs import LogCollector, SegmentRefused
from tradewind.sdk.worker.output_pipes import OutputTail
from tradewind.sdk.worker.run_as import RunAsRefused
from tradewind.sdk.worker.snapshot_source import HttpSnapshotSource
from tradewind.sdk.worker.start_path import StartPath
from tradewind.sdk.worker.verdicts import Verdicts, cancelled, fits, interrupted, masked
from tradewind.sdk.worker.workplace import Workplace

logger = logging.getLogger("tradewind.worker")

_PARSE_GRACE_SECONDS = 5.0
"""What a parse gets beyond its own timeout to report it as an import error with the line."""

TIMEOUT_GRACE_SECONDS = 10.0
"""What a try gets beyond its `execution_timeout` to end by itself, as the alarm in its process asks it to."""

_TAIL_SECONDS = 10.0

_START_WITHIN_SECONDS = 0.1
"""How soon a start is reported. One that is followed by its end sooner is a part of the outcome."""

_TAKEOVER_MARGIN = 0.1
_TAKEOVER_MARGIN_SECONDS = 10.0
"""How long before its takeover a try with `on_cut=stop` is killed: a tenth of the time, at most this many seconds."""


class ActivityRun:
    """One delivered activity.

    Args:
        delivery: what came.
        workplace: what the worker has for it.
        when_done: called when nothing is left to do.

    Attributes:
        dispatch_id: the dispatch.
        delivered: whether the server has acknowledged the outcome.
        ending: whether the outcome is decided.
        task: what does it all; cancelling it gives up, and the spool keeps what it has.
    """

    def __init__(
        self, delivery: Delivery, workplace: Workplace, when_done: Callable[[ActivityRun], None] | None = None
    ) -> None:
        self.dispatch_id = delivery.dispatch_id
        self.delivered = False
        self._delivery = delivery
        self._activity = delivery.activity
        self._workplace = workplace
        self._process: LaunchedProcess | None = None
        self._killing: asyncio.Task[None] | None = None
        self.ending = False
        self._begun = False
        self._timed_out = False
        self._forwarder: Forwarder | None = None
        self._waited = 0.0
        self._verdict: Outcome | None = None
        self._kept = False
        self._unreported: Started | None = None
        self._told_at_end: Started | None = None
        self._side_tasks: set[asyncio.Task[None]] = set()
        self._alarms = alarms()
        self._timer: Alarm | None = None
        self._execution_timer: Alarm | None = None
        self._start_timer: Alarm | None = None
        self._start_path = StartPath(delivery, workplace)
        self._verdicts = Verdicts(self._activity, dt.datetime.now(dt.UTC))
        self._masker = Masker(secret_values(delivery.secrets))
        self._calls = ActivityCalls(
            dispatch_id=self.dispatch_id,
            token=delivery.token,
            expires_at=delivery.token_expires_at,
            line=workplace.line,
            not_ours=self._disowned,
        )
        self._logs: LogCollector | None = None
        self._tail: OutputTail | None = None
        self.task = asyncio.create_task(self._run(), name=f"activity {self.dispatch_id}")
        self.task.add_done_callback(_log_failure)
        if when_done is not None:
            self.task.add_done_callback(lambda _: when_done(self))

    def kill(self, verdict: Outcome) -> None:
        """End the activity. A result that its process has sent already counts nevertheless.

        Args:
            verdict: what to report once nothing of it is left.
        """
        if self.ending:
            return
        if self._verdict is None:
            self._verdict = verdict
            if self._process is not None:
                self._kill_process()
            elif self._begun:
                self.task.cancel()

    def tail(self, seconds: float) -> None:
        """Send the log as it comes, for so long: somebody reads it."""
        if self._logs is not None:
            self._logs.tail(seconds)

    def _kill_process(self) -> None:
        if self._killing is None and self._process is not None:
            self._killing = asyncio.create_task(self._process.kill_tree(), name=f"kill {self.dispatch_id}")

    def _disowned(self, reason: str) -> None:
        if not self.ending:
            logger.info("dispatch is not live any more dispatch=%s reason=%s", self.dispatch_id, reason)
            self.kill(cancelled())

    async def _run(self) -> None:
        self._begun = True
        try:
            outcome = await self._outcome()
            self.ending = True
            await self._finish(outcome)
        finally:
            self._unreported = None
            if self._start_timer is not None:
                self._start_timer.cancel()
            self._calls.close()
            for task in self._side_tasks:
                task.cancel()
            if self._tail is not None:
                self._tail.close()
            if self._logs is not None:
                await self._logs.close()

    async def _outcome(self) -> Outcome:
        """Run the activity and tell how it ended."""
        try:
            result = await self._execute()
        except CodeUnavailable as error:
            result = self._verdicts.failed("CodeUnavailable", f"The code could not be fetched: {error}.")
        except RunAsRefused as refusal:
            result = self._verdicts.failed("RunAsUserRefused", f"The try was not started: {refusal}.")
        except (LaunchFailed, OSError) as error:
            logger.error("activity was not started dispatch=%s error=%s", self.dispatch_id, error)  # noqa: TRY400
            result = interrupted(InterruptCause.WORKER_FAILURE, f"The worker could not start the process: {error}")
        except asyncio.CancelledError:
            if self._verdict is None or self._process is not None:
                raise
            # `kill` has interrupted the preparations; the task itself goes on.
            self.task.uncancel()
            result = self._verdict
        except Exception as error:
            logger.exception("activity failed for a reason of the worker dispatch=%s", self.dispatch_id)
            result = interrupted(InterruptCause.WORKER_FAILURE, f"The worker failed: {type(error).__name__}: {error}")
        return result

    async def _execute(self) -> Outcome:
        if self._verdict is not None:
            return self._verdict
        place, code = self._workplace, self._activity.code
        directory = await place.code.pin(code.snapshot, HttpSnapshotSource(self._calls, place.files))
        try:
            self._verdicts.snapshot_directory = directory
            process = await place.launcher.launch(self._start_path.request(directory))
            self._process = process
            place.state.process_started(process.identity)
            try:
                return await self._supervise(process)
            except BaseException:
                await process.kill_tree()
                raise
            finally:
                process.close()
                place.state.process_ended(process.pid)
        finally:
            place.code.unpin(code.snapshot)

    async def _supervise(self, process: LaunchedProcess) -> Outcome:
        self._take_output(process)
        self._note_start(process)
        self._limit_time()
        result = await self._converse(process)
        status = await process.wait()
        self._after(None)
        if self._execution_timer is not None:
            self._execution_timer.cancel()
        if process.leaving and self._logs is not None:
            self._logs.note(LogLevel.INFO, f"The process of this try is not reused: {process.leaving}.")
        if self._killing is not None:
            await self._killing
        logger.debug("process ended dispatch=%s pid=%d status=%s", self.dispatch_id, process.pid, status)
        if result is not None:
            return result
        tail = self._masker.mask(await self._tail.text(_TAIL_SECONDS)) if self._tail is not None else None
        if self._timed_out:
            return self._verdicts.timed_out(tail)
        if self._verdict is not None:
            return self._verdict
        return self._verdicts.ended_without_result(status.code, status.signal, tail)

    def _limit_time(self) -> None:
        """Set what ends the activity when it takes too long."""
        if isinstance(self._activity, ParseDagFile):
            self._after(self._activity.timeout_seconds + _PARSE_GRACE_SECONDS, self._time_out)
            return
        if self._activity.on_cut is OnCut.STOP:
            self._check_cut()
        if (seconds := self._activity.execution_timeout_seconds) is not None:
            self._execution_timer = self._alarms.after(seconds + TIMEOUT_GRACE_SECONDS, self._time_out)

    def _after(self, seconds: float | None, act: Callable[[], None] | None = None) -> None:
        """Act after some seconds unless something else is set until then; None sets nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None and act is not None:
            self._timer = self._alarms.after(seconds, act)

    def _time_out(self) -> None:
        waited = self._forwarder.waited_seconds if self._forwarder and isinstance(self._activity, ParseDagFile) else 0.0
        if waited > self._waited:  # what the server took is given to the file once more
            more, self._waited = waited - self._waited, waited
            self._after(more, self._time_out)
            return
        self._timed_out = True
        self._kill_process()

    def _check_cut(self) -> None:
        """Kill the try shortly before another worker may take it over, unless a sign of life is answered until then."""
        takeover = self._delivery.takeover_after_seconds
        margin = min(takeover * _TAKEOVER_MARGIN, _TAKEOVER_MARGIN_SECONDS)
        line = self._workplace.line
        left = line.last_sign_of_life + takeover - margin - asyncio.get_running_loop().time()
        if left > 0:
            self._after(left, self._check_cut)
            return
        logger.warning("try is stopped before its takeover dispatch=%s takeover_after=%g", self.dispatch_id, takeover)
        message = (
            f"The worker had no answer from the server for {takeover - margin:g} s and the task asks for on_cut=stop."
        )
        self.kill(interrupted(InterruptCause.LEASE_CUT, message))

    def _aside(self, work: Coroutine[None, None, None]) -> None:
        """Do something beside the activity, not longer than that lasts."""
        task = asyncio.create_task(work)
        self._side_tasks.add(task)
        task.add_done_callback(self._side_tasks.discard)

    def _take_output(self, process: LaunchedProcess) -> None:
        place = self._workplace
        descriptors = {
            LogSource.STDOUT: process.stdout_fd,
            LogSource.STDERR: process.stderr_fd,
            LogSource.LOG: process.log_fd,
        }
        if isinstance(self._activity, ParseDagFile):
            self._tail = OutputTail(descriptors)
            return
        self._logs = LogCollector(
            masks=self._masker,
            send=self._send_segment,
            is_cut=place.line.is_cut,
            spill_directory=place.log_directory,
            spill_folder=self.dispatch_id,
        )
        self._logs.attach(descriptors)
        if process.fresh_reason:
            how = ", a new interpreter for each try" if process.spawned else ""
            self._logs.note(LogLevel.INFO, f"No warm start for this file{how}: {process.fresh_reason}")

    def _note_start(self, process: LaunchedProcess) -> None:
        place = self._workplace
        self._unreported = Started(
            hostname=place.hostname,
            unixname=self._start_path.unixname,
            pid=process.pid,
            started_at=dt.datetime.now(dt.UTC),
        )
        self._start_timer = self._alarms.after(_START_WITHIN_SECONDS, self._report_start)

    def _report_start(self) -> None:
        started, self._unreported = self._unreported, None
        if started is not None:
            self._aside(self._send_start(started))

    async def _send_start(self, started: Started) -> None:
        await self._calls.call("report_started", {"dispatch_id": self.dispatch_id}, body=started)

    def _keep(self, outcome: Outcome) -> None:
        """Have the outcome, and the start that nobody was told of, survive this process."""
        started, self._unreported = self._unreported, None
        if started is not None:
            outcome = msgspec.structs.replace(outcome, started=started)
            self._told_at_end = started
        self._kept = True
        cut = self._workplace.line.is_cut()
        self._workplace.finisher.keep(self._calls, outcome, within=0.0 if cut else SPOOL_WITHIN_SECONDS)

    async def _converse(self, process: LaunchedProcess) -> Outcome | None:
        """Answer the process until it is gone; its result, if it sent one that counts."""
        secret_read = functools.partial(self._start_path.secret_was_read, process)
        forwarder = Forwarder(self._calls, self._masker, process.channel, secret_read, self._workplace.for_tasks)
        self._forwarder = forwarder
        result: Outcome | None = None
        try:
            async for body in process.channel:
                frame = decode_child_frame(body)
                if isinstance(frame, RawRequest):
                    self._aside(forwarder.answer(frame))
                elif isinstance(frame, RawMask):
                    self._aside(forwarder.mask(frame))
                elif result is None:
                    result = self._checked(frame.outcome)
                    self._keep(result)
                    sources = [source for source in (process.channel, self._logs, self._tail) if source is not None]
                    let_exit(sources, self._after, self._kill_process)
        except FrameTooLarge as error:
            self._kill_process()
            return result or self._verdicts.failed("FrameTooLarge", str(error), retryable=False)
        except (msgspec.DecodeError, RecursionError) as error:
            self._kill_process()
            return result or self._verdicts.failed("MalformedFrame", f"The process sent what is no frame: {error}.")
        return result

    def _checked(self, raw: msgspec.Raw) -> Outcome:
        """The result of the process, or why it cannot be its result."""
        limit = self._workplace.line.max_body_bytes
        if len(raw) > limit:
            return self._verdicts.too_large(len(raw), limit)
        try:
            outcome: Outcome = decode(Outcome, bytes(raw))
        except (msgspec.DecodeError, RecursionError) as error:
            return self._verdicts.failed("MalformedFrame", f"The process reported a result that is none: {error}.")
        if not fits(self._activity, outcome):
            kind = type(outcome).__name__
            return self._verdicts.failed("MalformedFrame", f"The process reported {kind}, which does not fit its work.")
        return masked(outcome, self._masker)

    async def _send_segment(self, sequence: int, text: str) -> None:
        parameters = {"dispatch_id": self.dispatch_id, "sequence": str(sequence)}
        backoff = Backoff()
        while problem := problem_of(
            "put_log_segment", await self._calls.call("put_log_segment", parameters, text=text)
        ):
            if problem.reason != ProblemReason.INTERNAL_ERROR:
                raise SegmentRefused(f"{problem.reason}: {problem.detail}")
            await asyncio.sleep(backoff.pause())

    async def _finish(self, outcome: Outcome) -> None:
        if not self._kept:
            self._keep(outcome)
        if self._logs is not None:
            if isinstance(outcome, ActivityInterrupted) and outcome.message:
                self._logs.note(LogLevel.WARNING, outcome.message)
            await self._logs.flush()
        self.delivered = await self._workplace.finisher.deliver(self._calls, self._refused)

    def _refused(self, problem: ProblemError) -> Outcome:
        """What is reported in place of an outcome that the server refused, with the start that was told in it."""
        outcome = self._verdicts.refused(problem)
        if self._told_at_end is None or (problem.field or "").split(".")[0] == "started":
            return outcome
        return msgspec.structs.replace(outcome, started=self._told_at_end)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("activity was given up for a reason of the worker task=%s", task.get_name(), exc_info=error)

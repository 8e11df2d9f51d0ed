"""`python -m tradewind.sdk run-activity`: the supervisor for one activity whose envelope came through a broker."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from tradewind.sdk import contract
from tradewind.sdk.__about__ import __version__
from tradewind.sdk.client.calls import Call
from tradewind.sdk.client.http import HttpTransport
from tradewind.sdk.contract import (
    Delivery,
    Envelope,
    InterruptCause,
    LeaseRenewal,
    LeaseState,
    ProblemReason,
    StartRequest,
    decode,
    from_plain,
    to_plain,
)
from tradewind.sdk.exceptions import TradewindRuntimeError
from tradewind.sdk.worker.activity_calls import ActivityCalls
from tradewind.sdk.worker.activity_run import ActivityRun
from tradewind.sdk.worker.for_tasks import ForTasks
from tradewind.sdk.worker.launcher import Launcher
from tradewind.sdk.worker.leftover_logs import deliver_leftover_logs
from tradewind.sdk.worker.life import RUNNER, end_former_life, stop_on_signals
from tradewind.sdk.worker.line import FIRST_REFUSAL, Backoff, HttpLine, problem_of
from tradewind.sdk.worker.settings import WorkerSettings, WorkerSettingsError, load_worker_settings
from tradewind.sdk.worker.state_directory import StateDirectory, StateDirectoryError
from tradewind.sdk.worker.verdicts import cancelled, interrupted
from tradewind.sdk.worker.worker_log import set_up_logging
from tradewind.sdk.worker.workplace import Workplace, open_workplace

T = TypeVar("T")

logger = logging.getLogger("tradewind.worker")

EXIT_ACKNOWLEDGED = 0
EXIT_NOT_ACKNOWLEDGED = 1
EXIT_WRONG_USE = 2

START_DEADLINE_SECONDS = 300.0
"""How long the exchange of the ticket is repeated while the server does not answer."""

_COPIES = frozenset({ProblemReason.SPENT_TICKET, ProblemReason.DISPATCH_ENDED})


class EnvelopeError(ValueError):
    """What came on standard input is no envelope for this SDK; the message says why."""


class _Version(msgspec.Struct):
    contract: str


def main(arguments: list[str], *, runner: str = RUNNER) -> int:
    """Run the activity whose envelope is on standard input; the credential is in `TRADEWIND_API_TOKEN`.

    Args:
        arguments: of the command line, without the program's name.
        runner: module that the activity's process runs.

    Returns:
        0 when the server has acknowledged the outcome, and for a copy of an envelope that another process has taken;
        1 when the outcome could not be delivered or the server refused the start; 2 for wrong use.
    """
    parser = argparse.ArgumentParser(prog="python -m tradewind.sdk run-activity", description=__doc__)
    parser.add_argument(
        "--state-directory",
        type=Path,
        help="folder that keeps an outcome which cannot be delivered; without it such an outcome is lost",
    )
    options = parser.parse_args(arguments)
    set_up_logging()
    try:
        envelope = read_envelope(sys.stdin.buffer.read())
        with _directory(options.state_directory, envelope.dispatch_id) as directory:
            settings = _settings(os.environ, envelope, directory.path)
            code = asyncio.run(_run(settings, envelope, runner))
            directory.keep = code == EXIT_NOT_ACKNOWLEDGED
            return code
    except (EnvelopeError, WorkerSettingsError, StateDirectoryError) as error:
        logger.error("%s", error)  # noqa: TRY400 - a sentence for people
        return EXIT_WRONG_USE


def read_envelope(data: bytes) -> Envelope:
    """The envelope in a JSON text.

    Raises:
        EnvelopeError: it is none, or it is written in a contract that this SDK does not know yet.
    """
    try:
        version = decode(_Version, data).contract
        if version > contract.VERSION:
            raise EnvelopeError(
                f"the envelope is written in contract {version}, this SDK knows {contract.VERSION}: "
                "upgrade tradewind-task-sdk on this host"
            )
        return decode(Envelope, data)
    except msgspec.DecodeError as error:
        raise EnvelopeError(f"standard input holds no envelope: {error}; give the JSON that the server made") from error


class _directory:  # noqa: N801 - a context manager that is used as a function
    """The state directory of one dispatch, removed at the end unless something in it must be kept."""

    def __init__(self, given: Path | None, dispatch_id: str) -> None:
        self.keep = False
        self._temporary = given is None
        self.path = Path(tempfile.mkdtemp(prefix="tradewind-")) if given is None else given / Path(dispatch_id).name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.keep and not self._temporary:
            logger.warning("outcome is kept in %s: run the same envelope again to deliver it", self.path)
        else:
            shutil.rmtree(self.path, ignore_errors=True)


def _settings(environ: Mapping[str, str], envelope: Envelope, directory: Path) -> WorkerSettings:
    return load_worker_settings(environ, api_url=envelope.api_url, state_directory=directory)


async def _run(settings: WorkerSettings, envelope: Envelope, runner: str) -> int:
    with StateDirectory.open(settings.state_directory) as state, stop_on_signals() as stop:
        end_former_life(state)
        environment = settings.child_environment(os.environ)
        async with (
            Launcher(environment=environment, max_warm_parents=0, runner=runner) as launcher,
            HttpTransport(settings.api_url, settings.token) as http,
        ):
            line = HttpLine(http)
            async with open_workplace(
                state=state,
                launcher=launcher,
                line=line,
                files=line,
                code_cache_bytes=settings.code_cache_bytes,
                warm=False,
                run_as_users=settings.run_as_users,
                for_tasks=ForTasks.of(settings, os.environ),
            ) as workplace:
                shot = _OneShot(settings, envelope, workplace, http, line, stop)
                return await shot.run()


@dataclass
class _OneShot:
    settings: WorkerSettings
    envelope: Envelope
    workplace: Workplace
    http: HttpTransport
    line: HttpLine
    stop: asyncio.Event

    async def run(self) -> int:
        """Start, run and report the activity, or report what a former life of this envelope has left."""
        spool = self.workplace.finisher.spool
        try:
            async with asyncio.timeout(START_DEADLINE_SECONDS):
                if self.envelope.dispatch_id in spool.pending:
                    left = await self._until_stop(self._deliver_leftover())
                    return EXIT_NOT_ACKNOWLEDGED if left is None else left
                delivery = await self._until_stop(self._start())
        except TimeoutError:
            logger.error("the server did not answer for %g s: given up", START_DEADLINE_SECONDS)  # noqa: TRY400
            return EXIT_NOT_ACKNOWLEDGED
        if not isinstance(delivery, Delivery):
            return EXIT_NOT_ACKNOWLEDGED if delivery is None else delivery
        run = ActivityRun(delivery, self.workplace)
        renewal = asyncio.create_task(self._renew(run, delivery.takeover_after_seconds), name="lease renewal")
        try:
            await self._until_end(run)
        finally:
            renewal.cancel()
        logger.info("activity ended dispatch=%s acknowledged=%s", run.dispatch_id, run.delivered)
        return EXIT_ACKNOWLEDGED if run.delivered else EXIT_NOT_ACKNOWLEDGED

    async def _until_end(self, run: ActivityRun) -> None:
        stopping = asyncio.create_task(self.stop.wait(), name="stop")
        await asyncio.wait({run.task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not run.task.done():
            run.kill(interrupted(InterruptCause.WORKER_STOPPING, "The process was told to stop."))
            await asyncio.wait([run.task], timeout=self.settings.stop_timeout)
            run.task.cancel()
            await asyncio.wait([run.task])

    async def _until_stop(self, work: Coroutine[None, None, T]) -> T | None:
        """The result of the work; None when the process was told to stop before."""
        working = asyncio.create_task(work)
        stopping = asyncio.create_task(self.stop.wait(), name="stop")
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            working.cancel()
            stopping.cancel()

    async def _deliver_leftover(self) -> int:
        """Deliver the outcome that an earlier start of this envelope has left; the exit code."""
        record = self.workplace.finisher.spool.pending[self.envelope.dispatch_id]
        calls = ActivityCalls(
            dispatch_id=record.dispatch_id,
            token=record.token,
            expires_at=None,
            line=self.line,
            not_ours=lambda reason: logger.info("dispatch has ended dispatch=%s reason=%s", record.dispatch_id, reason),
        )
        try:
            await deliver_leftover_logs(self.workplace.log_directory / record.dispatch_id, calls)
            delivered = await self.workplace.finisher.deliver(calls)
        finally:
            calls.close()
        return EXIT_ACKNOWLEDGED if delivered else EXIT_NOT_ACKNOWLEDGED

    async def _start(self) -> Delivery | int:
        """Exchange the ticket: repeats carry the same nonce and get the same answer. Or the exit code."""
        envelope = self.envelope
        request = to_plain(
            StartRequest(
                ticket=envelope.ticket,
                nonce=secrets.token_urlsafe(24),
                instance_id=self.workplace.state.instance_id,
                hostname=socket.gethostname(),
                pid=os.getpid(),
                sdk_version=__version__,
                language="python",
            )
        )
        backoff = Backoff()
        while True:
            self.line.last_sign_of_life = asyncio.get_running_loop().time()
            reply = await self.line.send(Call("start_activity", {"dispatch_id": envelope.dispatch_id}, request))
            problem = problem_of("start_activity", reply)
            if problem is None:
                return from_plain(Delivery, reply.body)
            if problem.reason in _COPIES:
                logger.info("nothing to do dispatch=%s reason=%s", envelope.dispatch_id, problem.reason)
                return EXIT_ACKNOWLEDGED
            if problem.reason not in {ProblemReason.TOO_BUSY, ProblemReason.INTERNAL_ERROR}:
                logger.error(
                    "the server refuses the start (%s): %s; %s",
                    problem.reason,
                    problem.detail,
                    problem.action or "the command is not repeated",
                )
                return EXIT_NOT_ACKNOWLEDGED
            await asyncio.sleep(problem.retry_after_seconds or backoff.pause())

    async def _renew(self, run: ActivityRun, takeover_after: float) -> None:
        """Give signs of life; stop trying to deliver once the dispatch may have been taken over."""
        loop = asyncio.get_running_loop()
        body = to_plain(LeaseRenewal(instance_id=self.workplace.state.instance_id, dispatches=[run.dispatch_id]))
        pause = 1.0
        while True:
            sent = loop.time()
            try:
                reply = await self.http.send(Call("renew_leases", {}, body))
                if reply.status < FIRST_REFUSAL:
                    state = from_plain(LeaseState, reply.body)
                    self.line.last_sign_of_life = sent
                    pause = state.lease_seconds / 3
                    if state.ended:
                        run.kill(cancelled())
            except (TradewindRuntimeError, msgspec.ValidationError) as error:
                logger.warning("lease was not renewed error=%s", error)
            if run.ending and loop.time() - self.line.last_sign_of_life > takeover_after:
                run.task.cancel()
            await asyncio.sleep(pause)

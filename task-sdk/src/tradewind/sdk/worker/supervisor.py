"""All activities of one worker: which it has, which it had, and what a session needs to know of them."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections import OrderedDict
from collections.abc import Callable, Coroutine

from tradewind.sdk import contract
from tradewind.sdk.__about__ import __version__
from tradewind.sdk.contract import Delivery, Hello, InterruptCause, Outcome, Welcome
from tradewind.sdk.worker.activity_calls import ActivityCalls
from tradewind.sdk.worker.activity_run import ActivityRun
from tradewind.sdk.worker.leftover_logs import deliver_leftover_logs
from tradewind.sdk.worker.settings import WorkerSettings
from tradewind.sdk.worker.verdicts import cancelled, interrupted
from tradewind.sdk.worker.workplace import Workplace

logger = logging.getLogger("tradewind.worker")

_REMEMBERED = 10_000
_ABANDON_SECONDS = 1.0


class Supervisor:
    """Owner of a worker session: runs what is delivered, each dispatch once.

    `open_workplace` gives it what activities need; before, it only says hello.

    Args:
        settings: of the worker.
        instance_id: this life of the worker.
        drain_asked: called when the server asks the worker to drain.
    """

    def __init__(self, settings: WorkerSettings, instance_id: str, *, drain_asked: Callable[[], None]) -> None:
        self._settings = settings
        self._instance_id = instance_id
        self._workplace: Workplace | None = None
        self._runs: dict[str, ActivityRun] = {}
        self._leftovers: dict[str, asyncio.Task[None]] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._cancelled: OrderedDict[str, None] = OrderedDict()
        self._stopping = False
        self._drain_asked = drain_asked

    def open_workplace(self, workplace: Workplace) -> None:
        """Begin: deliver first what a former life has left in the spool."""
        self._workplace = workplace
        for dispatch_id in list(workplace.finisher.spool.pending):
            self._aside(dispatch_id, self._deliver_leftover(workplace, dispatch_id))

    @property
    def _place(self) -> Workplace:
        if self._workplace is None:
            raise RuntimeError("the supervisor has no workplace yet")
        return self._workplace

    def hello(self) -> Hello:
        spooled = self._place.finisher.spool.pending
        return Hello(
            api_version=contract.VERSION,
            sdk_version=__version__,
            language="python",
            instance_id=self._instance_id,
            hostname=socket.gethostname(),
            pid=os.getpid(),
            queues=list(self._settings.queues),
            capacity=self.capacity(),
            live=[dispatch_id for dispatch_id in self._runs if dispatch_id not in spooled],
            spooled=list(spooled),
            ended_instances=self._place.state.ended_instances,
        )

    def capacity(self) -> dict[str, int]:
        """Kind of activity to how many may run at once; nothing while the worker stops."""
        offered = self._settings.offered()
        return dict.fromkeys(offered, 0) if self._stopping else offered

    def dispatches(self) -> list[str]:
        return [*self._runs, *(spooled for spooled in self._place.finisher.spool.pending if spooled not in self._runs)]

    def welcomed(self, hello: Hello, welcome: Welcome) -> None:
        if hello.ended_instances:
            self._place.state.instances_declared(hello.ended_instances)
        self.ended(welcome.ended)

    def deliver(self, delivery: Delivery) -> None:
        """Run an activity, unless it is known already: then it runs, has run, or its outcome is on the way."""
        dispatch_id = delivery.dispatch_id
        if self._is_known(dispatch_id):
            logger.info("delivered again dispatch=%s: ignored", dispatch_id)
            return
        if dispatch_id in self._cancelled:
            logger.info("delivered after its cancel dispatch=%s: not started", dispatch_id)
            outcome = cancelled("It was cancelled before it came, and did not start.")
            self._aside(dispatch_id, self._report(dispatch_id, delivery.token, outcome))
            return
        logger.debug("delivered dispatch=%s kind=%s", dispatch_id, type(delivery.activity).__name__)
        run = ActivityRun(delivery, self._place, self._forget)
        self._runs[dispatch_id] = run
        if self._stopping:
            run.kill(_stopping())

    def hand_back(self, dispatch_id: str, token: str, reason: str) -> None:
        if self._is_known(dispatch_id):
            return
        logger.error("activity is handed back dispatch=%s reason=%r", dispatch_id, reason)
        outcome = interrupted(InterruptCause.WORKER_FAILURE, reason)
        self._aside(dispatch_id, self._report(dispatch_id, token, outcome))

    def ended(self, dispatch_ids: list[str]) -> None:
        for dispatch_id in dispatch_ids:
            run = self._runs.get(dispatch_id)
            if run is not None:
                logger.info("dispatch has ended elsewhere dispatch=%s: killed", dispatch_id)
                run.kill(cancelled())
            elif not self._is_known(dispatch_id):
                # What is in the spool is settled by the answer to its delivery.
                _remember(self._cancelled, dispatch_id)

    def tail(self, dispatch_id: str, seconds: float) -> None:
        if (run := self._runs.get(dispatch_id)) is not None:
            run.tail(seconds)

    def drain(self, message: str) -> None:
        logger.info("server asks the worker to drain reason=%r", message)
        self._drain_asked()

    @property
    def running(self) -> int:
        """How many activities are not settled yet."""
        return len(self._runs) + len(self._leftovers)

    async def idle(self) -> None:
        """Wait until nothing runs and no outcome is on its way."""
        while waiting := [*self._leftovers.values(), *(run.task for run in self._runs.values())]:
            await asyncio.wait(waiting)
            # What is done is forgotten by callbacks, which come next.
            await asyncio.sleep(0)

    def refuse_work(self) -> None:
        """From now on the worker offers no capacity and interrupts what is delivered nevertheless."""
        self._stopping = True

    async def stop(self, timeout: float) -> None:
        """Kill what runs and deliver what is left, for at most `timeout` seconds; the spool keeps the rest."""
        self.refuse_work()
        for run in list(self._runs.values()):
            run.kill(_stopping())
        waiting: list[asyncio.Task[None]] = [*self._leftovers.values()]
        waiting += [run.task for run in self._runs.values()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=timeout)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=_ABANDON_SECONDS)
        spooled = len(self._place.finisher.spool.pending)
        logger.info("activities ended undelivered_outcomes=%d", spooled)

    def _is_known(self, dispatch_id: str) -> bool:
        return (
            dispatch_id in self._runs
            or dispatch_id in self._leftovers
            or dispatch_id in self._ended
            or dispatch_id in self._place.finisher.spool.pending
        )

    def _aside(self, dispatch_id: str, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name=f"outcome of {dispatch_id}")
        self._leftovers[dispatch_id] = task

        def done(_: asyncio.Task[None]) -> None:
            del self._leftovers[dispatch_id]

        task.add_done_callback(done)

    def _forget(self, run: ActivityRun) -> None:
        self._runs.pop(run.dispatch_id, None)
        _remember(self._ended, run.dispatch_id)

    async def _deliver_leftover(self, place: Workplace, dispatch_id: str) -> None:
        record = place.finisher.spool.pending[dispatch_id]
        calls = self._calls(place, dispatch_id, record.token)
        try:
            await deliver_leftover_logs(place.log_directory / dispatch_id, calls)
            if await place.finisher.deliver(calls):
                logger.info("outcome of a former life delivered dispatch=%s", dispatch_id)
        finally:
            calls.close()
            _remember(self._ended, dispatch_id)

    async def _report(self, dispatch_id: str, token: str, outcome: Outcome) -> None:
        """Report the outcome of an activity that was not begun."""
        calls = self._calls(self._place, dispatch_id, token)
        try:
            await self._place.finisher.keep(calls, outcome)
            await self._place.finisher.deliver(calls)
        finally:
            calls.close()
            _remember(self._ended, dispatch_id)

    @staticmethod
    def _calls(place: Workplace, dispatch_id: str, token: str) -> ActivityCalls:
        return ActivityCalls(
            dispatch_id=dispatch_id,
            token=token,
            expires_at=None,
            line=place.line,
            not_ours=lambda reason: logger.info("dispatch has ended dispatch=%s reason=%s", dispatch_id, reason),
        )


def _remember(dispatch_ids: OrderedDict[str, None], dispatch_id: str) -> None:
    dispatch_ids[dispatch_id] = None
    if len(dispatch_ids) > _REMEMBERED:
        dispatch_ids.popitem(last=False)


def _stopping() -> contract.ActivityInterrupted:
    return interrupted(InterruptCause.WORKER_STOPPING, "The worker was told to stop.")

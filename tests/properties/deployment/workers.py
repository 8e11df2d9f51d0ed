"""Workers: connections that break, processes with user code, a spool that outlives them, and what they say twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from tests.journal.executions import Execution
from tests.properties.deployment.databases import Clock
from tests.properties.deployment.processes import ControlProcess, Refusal
from tradewind.server.contract import (
    VERSION,
    ActivityInterrupted,
    ActivityKind,
    Cancel,
    Deliver,
    ExecuteTask,
    Hello,
    InterruptCause,
    Outcome,
    OutcomeReceipt,
    ProblemReason,
    ServerFrame,
    Started,
    TaskError,
    TaskFailed,
    TaskSkipped,
    TaskSucceeded,
    TaskTryReference,
)
from tradewind.server.executors.worker_session import SessionClosed
from tradewind.server.store import sessions
from tradewind.server.store.handouts import Report, WorkerBinding
from tradewind.server.store.identity import uuid7
from tradewind.server.store.rows import CredentialRow


class UserCode:
    """What user code would write down of itself, whoever runs it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._all: list[Execution] = []
        self._live: list[Execution] = []

    def begin(self, task_try: TaskTryReference) -> Execution:
        place = (task_try.dag_id, task_try.run_id, task_try.task_id)
        met = [one.try_id for one in self._live if (one.dag_id, one.run_id, one.task_id) == place]
        now = self.clock.now.timestamp()
        execution = Execution(
            try_id=task_try.try_id,
            dag_id=task_try.dag_id,
            run_id=task_try.run_id,
            task_id=task_try.task_id,
            map_index=task_try.map_index,
            try_number=task_try.try_number,
            pid=len(self._all) + 1,
            began=now,
            last_seen=now,
            met=met,
        )
        self._all.append(execution)
        self._live.append(execution)
        return execution

    def end(self, execution: Execution, ending: str | None) -> None:
        """It ends; None when it is cut off."""
        execution.last_seen, execution.ending = self.clock.now.timestamp(), ending
        self._live.remove(execution)

    def seen(self) -> list[Execution]:
        """Everything that ran; what runs is there now."""
        for execution in self._live:
            execution.last_seen = self.clock.now.timestamp()
        return list(self._all)


@dataclass(eq=False)
class Connection:
    """A connection of a worker to a process, as its executor sees it; what is on its way comes in order."""

    process: ControlProcess
    binding: WorkerBinding
    queues: frozenset[str]
    line: list[ServerFrame] = field(default_factory=list)
    closed: bool = False

    @property
    def identity(self) -> WorkerBinding:
        return self.binding

    def send(self, frame: ServerFrame) -> None:
        if self.closed:
            raise SessionClosed("it was cut")
        self.line.append(frame)


@dataclass
class Worker:
    """One worker.

    Attributes:
        newest: what its life was bound to last.
        connection: the connection that it has; None while it has none.
        replaced: connections of which the control plane has not heard that they are gone.
        silent: whether its supervisor stands still; what it started goes on.
        processes: dispatch to the user code that runs for it.
        started: dispatches whose start was told.
        ended: dispatches that this life has brought to an end.
        cancelled: those that it was told to cancel and did not have.
        spool: outcomes that were not acknowledged.
        said: everything that it ever reported, to be said again.
        receipts: digests of outcomes that were acknowledged, by dispatch.
        former: lives that ended, and were not told of.
    """

    name: str
    credential: CredentialRow
    user_code: UserCode
    queues: list[str]
    capacity: int
    instance_id: str = field(default_factory=uuid7)
    newest: WorkerBinding | None = None
    connection: Connection | None = None
    replaced: list[Connection] = field(default_factory=list)
    silent: bool = False
    processes: dict[str, Execution] = field(default_factory=dict)
    started: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    spool: dict[str, Outcome] = field(default_factory=dict)
    said: list[Report] = field(default_factory=list)
    receipts: list[tuple[str, str]] = field(default_factory=list)
    former: list[str] = field(default_factory=list)

    async def connect(self, process: ControlProcess) -> None:
        """Open a connection; what was on its way over an older one is lost."""
        self.cut()
        hello = Hello(
            api_version=VERSION,
            sdk_version="1.0",
            language="python",
            instance_id=self.instance_id,
            hostname="host",
            pid=1,
            queues=self.queues,
            capacity=self._capacity(),
            live=list(self.processes),
            spooled=list(self.spool),
            ended_instances=self.former,
        )
        opened = await process.write(lambda tx: sessions.open_session(tx, self.credential, hello))
        if isinstance(opened, Refusal):
            assert opened.reason is ProblemReason.TOO_BUSY, opened
            return
        self.former = []
        self.newest = opened.binding
        self.connection = Connection(process, opened.binding, frozenset(self.queues))
        for dispatch_id in opened.ended:
            self.kill(dispatch_id)
        process.executor.ended([*opened.ended, *opened.lost])
        process.executor.connect(self.connection, self._capacity(), opened.live)
        await process.dispatcher.deliver_again(opened.redeliver)

    def cut(self) -> None:
        """The connection is gone for the worker; its process may hear of that later."""
        if self.connection is not None:
            self.connection.closed = True
            self.connection.line.clear()
            self.replaced.append(self.connection)
            self.connection = None

    def stale_connection(self) -> Connection | None:
        """A connection of this life that a newer one has replaced."""
        return next((one for one in self.replaced if one.binding.instance_id == self.instance_id), None)

    async def notice_cut(self) -> None:
        """The control plane hears of a connection that is gone."""
        gone = self.replaced.pop(0)
        gone.process.executor.disconnect(gone)
        await gone.process.write(lambda tx: sessions.mark_disconnected(tx, gone.binding))

    def die(self) -> None:
        """The host goes, with everything but the spool; a new life begins."""
        self.cut()
        for execution in self.processes.values():
            self.user_code.end(execution, None)
        self.processes.clear()
        self.ended.clear()
        self.cancelled.clear()
        self.former.append(self.instance_id)
        self.instance_id = uuid7()

    async def renew(self, *, over: Connection | None = None) -> None:
        """A sign of life, over the newest connection or an older one, which has to be refused."""
        connection = over or self.connection
        assert connection is not None
        binding, process = connection.binding, connection.process
        named = [*self.processes, *self.spool]
        renewed = await process.write(
            lambda tx: sessions.renew(tx, self.credential.id, binding.instance_id, named, binding.connection_epoch)
        )
        if isinstance(renewed, Refusal):
            assert renewed.reason in {ProblemReason.TOO_BUSY, ProblemReason.STALE_CONNECTION}, renewed
            assert renewed.reason is ProblemReason.TOO_BUSY or self._is_replaced(binding), "the newest one is refused"
            return
        assert not self._is_replaced(binding), f"{binding} was replaced and may still renew"
        # The answer comes behind everything that was sent before it.
        for _ in range(len(connection.line)):
            self.receive()
        process.executor.ended(renewed.ended)
        process.executor.renewed(binding.session_id, named)
        for dispatch_id in renewed.ended:
            self.kill(dispatch_id)
        await process.dispatcher.deliver_again(renewed.redeliver)

    def receive(self) -> str:
        """The next frame arrives; in words, what it was."""
        assert self.connection is not None
        frame = self.connection.line.pop(0)
        if isinstance(frame, Cancel):
            if frame.dispatch_id not in self.processes:
                self.cancelled.add(frame.dispatch_id)
            self.kill(frame.dispatch_id)
        elif isinstance(frame, Deliver):
            activity, dispatch_id = frame.delivery.activity, frame.delivery.dispatch_id
            assert isinstance(activity, ExecuteTask)
            if dispatch_id in self.cancelled:
                self._spool_cancelled(dispatch_id)
            elif dispatch_id not in self.processes and dispatch_id not in self.spool and dispatch_id not in self.ended:
                self.processes[dispatch_id] = self.user_code.begin(activity.task_try)
            return f"deliver {activity.task_try.dag_id} {activity.task_try.task_id} {dispatch_id}"
        return f"{frame.frame} {getattr(frame, 'dispatch_id', '')}"

    def kill(self, dispatch_id: str) -> None:
        """What runs for a dispatch is cut off; that is an outcome, too."""
        execution = self.processes.pop(dispatch_id, None)
        if execution is not None:
            self.user_code.end(execution, None)
            self._spool_cancelled(dispatch_id)

    def _spool_cancelled(self, dispatch_id: str) -> None:
        if dispatch_id not in self.ended:
            now = self.user_code.clock.now
            self.spool[dispatch_id] = ActivityInterrupted(ended_at=now, cause=InterruptCause.CANCELLED)
            self.ended.add(dispatch_id)

    def end(self, dispatch_id: str, how: str, random: Random, skips: list[str]) -> None:
        """User code ends."""
        execution = self.processes.pop(dispatch_id)
        self.user_code.end(execution, {"succeed": "returned", "interrupt": None}.get(how, "ValueError"))
        self.spool[dispatch_id] = self._outcome(execution, dispatch_id, how, random, skips)
        self.ended.add(dispatch_id)

    async def tell_start(self, process: ControlProcess, dispatch_id: str) -> None:
        if dispatch_id not in self.processes:
            return
        answer = await self.say(process, Report(dispatch_id, self._start_of(self.processes[dispatch_id])))
        if answer is None:
            self.started.add(dispatch_id)
        elif answer == Refusal(ProblemReason.DISPATCH_ENDED):
            self.kill(dispatch_id)

    async def tell_outcome(self, process: ControlProcess, dispatch_id: str, *, heard: bool = True) -> None:
        """Report an outcome; without a heard answer it stays in the spool."""
        if dispatch_id not in self.spool:
            return
        answer = await self.say(process, Report(dispatch_id, self.spool[dispatch_id]))
        over = isinstance(answer, OutcomeReceipt) or answer == Refusal(ProblemReason.DISPATCH_ENDED)
        if heard and over:
            self.spool.pop(dispatch_id, None)

    async def say(self, process: ControlProcess, report: Report) -> OutcomeReceipt | Refusal | None:
        """Report something, for the first time or again."""
        self.said.append(report)
        answer = await process.report(report)
        if isinstance(answer, OutcomeReceipt):
            self.receipts.append((report.dispatch_id, answer.digest))
        elif answer is not None:
            assert answer.reason in {ProblemReason.TOO_BUSY, ProblemReason.DISPATCH_ENDED}, answer
        return answer

    def _is_replaced(self, binding: WorkerBinding) -> bool:
        newest = self.newest
        assert newest is not None
        return binding.connection_epoch < newest.connection_epoch

    def _capacity(self) -> dict[str, int]:
        return {ActivityKind.EXECUTE_TASK.value: self.capacity}

    def _start_of(self, execution: Execution) -> Started:
        moment = self.user_code.clock.now
        return Started(hostname="host", pid=execution.pid, started_at=moment)

    def _outcome(self, execution: Execution, dispatch_id: str, how: str, random: Random, skips: list[str]) -> Outcome:
        # The clock of a worker may be wrong by an hour.
        now = self.user_code.clock.now + timedelta(seconds=random.choice([0, 0, 0, -3600, 3600]))
        tells_start = dispatch_id not in self.started or random.random() < 0.2
        started = self._start_of(execution) if tells_start and random.random() < 0.7 else None
        if how == "succeed":
            return TaskSucceeded(started=started, started_at=now, ended_at=now, xcoms=[], skips=skips or None)
        if how == "skip":
            return TaskSkipped(started=started, started_at=now, ended_at=now)
        if how == "interrupt":
            cause = random.choice([InterruptCause.WORKER_STOPPING, InterruptCause.WORKER_FAILURE])
            return ActivityInterrupted(started=started, ended_at=now, cause=cause)
        error = TaskError(type="ValueError", message="no", retryable=how == "fail")
        return TaskFailed(started=started, ended_at=now, error=error)

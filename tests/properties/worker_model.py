"""A worker in small: the processes that it truly has, what is on its way to it, and what it says about that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from tests.properties.live_run import BROKER, LiveRun
from tradewind.server.contract import (
    VERSION,
    ActivityInterrupted,
    ActivityKind,
    Hello,
    InterruptCause,
    Outcome,
    ProblemReason,
    Started,
)
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import Transaction, credentials, dispatches, sessions
from tradewind.server.store.handouts import ClaimRequest, Handout, OpenedSession
from tradewind.server.store.identity import uuid7

T = TypeVar("T")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def cancelled() -> Outcome:
    return ActivityInterrupted(ended_at=NOW, cause=InterruptCause.CANCELLED)


class WorkerModel:
    """One worker of a run.

    Attributes:
        inbox: dispatches that were pushed and have not arrived, with their tasks.
        processes: dispatches with a process, with their tasks.
        spool: outcomes that the server has not acknowledged.
    """

    def __init__(self, run: LiveRun) -> None:
        self.run = run
        self.inbox: dict[str, str] = {}
        self.processes: dict[str, str] = {}
        self.spool: dict[str, Outcome] = {}
        self._cancelled: set[str] = set()
        token = credentials.hash_token(run.dag_id)
        self._credential = run.write(lambda tx: credentials.ensure_credential(tx, run.dag_id, "worker", token))
        self.instance_id = uuid7()
        self.connect()

    def connect(self, *ended: str) -> OpenedSession:
        """Open a connection; what was on its way over an older one is lost."""
        hello = Hello(
            api_version=VERSION,
            sdk_version="1.0",
            language="python",
            instance_id=self.instance_id,
            hostname="host",
            pid=1,
            queues=["default"],
            capacity={ActivityKind.EXECUTE_TASK.value: 16},
            live=sorted(self.processes),
            spooled=sorted(self.spool),
            ended_instances=list(ended),
        )
        self.inbox.clear()
        opened = self.run.write(lambda tx: sessions.open_session(tx, self._credential, hello))
        self.binding = opened.binding
        for dispatch_id in opened.ended:
            if dispatch_id in self.processes:
                self._kill(dispatch_id)
        self._push(opened.redeliver)
        return opened

    def restart(self) -> None:
        """Die with everything but the spool, and begin a new life."""
        self.processes.clear()
        former, self.instance_id = self.instance_id, uuid7()
        self.connect(former)

    def claim(self) -> None:
        request = ClaimRequest(kind=ActivityKind.EXECUTE_TASK, executor=BROKER, limit=1, worker=self.binding)
        self._push(list(self.run.write(lambda tx: dispatches.claim(tx, [request]))))

    def receive(self, dispatch_id: str) -> None:
        """A delivery arrives and its process begins, unless the dispatch was cancelled before."""
        task_id = self.inbox.pop(dispatch_id)
        if dispatch_id in self._cancelled:
            self.spool[dispatch_id] = cancelled()
        elif dispatch_id not in self.processes and dispatch_id not in self.spool:
            assert task_id not in self.processes.values(), f"two processes of {task_id} at once"
            self.processes[dispatch_id] = task_id

    def start(self, dispatch_id: str) -> None:
        started = Started(hostname="host", pid=1, started_at=NOW)
        if self._said(lambda tx: dispatches.report_started(tx, dispatch_id, started)) is ProblemReason.DISPATCH_ENDED:
            self._kill(dispatch_id)

    def end(self, dispatch_id: str, outcome: Outcome) -> None:
        """A process ends; its outcome is on its way."""
        del self.processes[dispatch_id]
        self.spool[dispatch_id] = outcome

    def report(self, dispatch_id: str) -> None:
        outcome = self.spool.pop(dispatch_id)
        refused = self._said(lambda tx: dispatches.finish(tx, dispatch_id, outcome))
        assert refused in {None, ProblemReason.DISPATCH_ENDED}

    def report_in_vain(self, dispatch_id: str) -> None:
        """The answer to a report is lost; the outcome stays in the spool."""
        outcome = self.spool[dispatch_id]
        self._said(lambda tx: dispatches.finish(tx, dispatch_id, outcome))

    def hear_cancels(self) -> None:
        """The server tells which of the dispatches that it has pushed are over."""
        known = sorted({*self.inbox, *self.processes})
        for dispatch_id in self.run.read(lambda tx: dispatches.ended_among(tx, known)):
            if dispatch_id in self.processes:
                self._kill(dispatch_id)
            else:
                self._cancelled.add(dispatch_id)

    def _kill(self, dispatch_id: str) -> None:
        self.end(dispatch_id, cancelled())

    def _push(self, handouts: list[Handout]) -> None:
        for handout in handouts:
            assert handout.activity.kind == "execute_task"
            if handout.activity.task_try.dag_id == self.run.dag_id:
                self.inbox[handout.dispatch_id] = handout.activity.task_try.task_id

    def _said(self, job: Callable[[Transaction], T]) -> ProblemReason | None:
        try:
            self.run.write(job)
        except Refused as refused:
            return refused.reason
        return None

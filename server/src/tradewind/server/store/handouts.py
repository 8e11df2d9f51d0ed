"""Values around the handing-out of activities: who has what, what was said about it, and how it was lost."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tradewind.server.contract import ActivityKind, ExecuteTask, Outcome, ParseDagFile, Started


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerBinding:
    """The connection of a worker that a dispatch goes to.

    Attributes:
        credential_id: credential that the worker showed.
        instance_id: one life of the worker process.
        connection_epoch: raised by each connection of that instance.
        worker: name that the worker is enrolled under.
    """

    session_id: str
    credential_id: str
    instance_id: str
    connection_epoch: int
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """Capacity that wants work.

    Attributes:
        kind: what it can run.
        executor: executor that offers it.
        limit: most activities to hand out.
        queues: queues that it serves; empty for all of them. Parses wait in no queue.
        worker: the connected worker, for the executor of worker sessions.
    """

    kind: ActivityKind
    executor: str
    limit: int
    queues: Sequence[str] = ()
    worker: WorkerBinding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handout:
    """An activity that was handed out, with all that a delivery or an envelope is made of.

    Attributes:
        worker: who it goes to; None while a broker has it and nobody started it.
        dag_version_pk: DAG version of its task; None for a parse.
    """

    dispatch_id: str
    activity: ExecuteTask | ParseDagFile
    executor: str
    queue: str | None
    worker: WorkerBinding | None
    dag_version_pk: int | None
    takeover_after_seconds: float
    claimed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchedTask:
    """The try that a dispatch hands out."""

    instance_pk: int
    run_pk: int
    dag_version_pk: int
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    try_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """A live dispatch: what its bearer may act for.

    Attributes:
        activity_id: `try_id` or `parse_id`.
        credential_id: credential of the worker that has it; None while a broker has it.
        task: None for a parse.
    """

    dispatch_id: str
    kind: ActivityKind
    activity_id: str
    executor: str
    credential_id: str | None
    session_id: str | None
    instance_id: str | None
    worker: str | None
    started_at: datetime | None
    takeover_after_seconds: float
    bundle: str
    snapshot: str
    file: str
    task: DispatchedTask | None


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker says about a dispatch: user code is about to run, or how it ended."""

    dispatch_id: str
    body: Started | Outcome


@dataclass(frozen=True, slots=True)
class FreedPlace:
    """A place of a worker that is free once the transaction is committed: what ran there has reported its outcome."""

    dispatch_id: str
    executor: str
    kind: ActivityKind
    session_id: str


class LossCause(enum.StrEnum):
    """Why a dispatch ended without an outcome."""

    WORKER_SILENT = "worker_silent"
    INSTANCE_ENDED = "instance_ended"
    NOT_RUNNING = "not_running"
    NOT_STARTED = "not_started"
    EXECUTOR_FAILED = "executor_failed"
    INTERRUPTED = "interrupted"


class StopCause(enum.StrEnum):
    """Why a live try was stopped on purpose: the reason of its dispatch's end."""

    CLEARED = "cleared"
    MARKED = "marked"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    FAILED_FAST = "failed_fast"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A worker as it last introduced itself."""

    session_id: str
    credential_id: str
    instance_id: str
    worker: str
    connection_epoch: int
    connected: bool
    hostname: str
    pid: int
    sdk_version: str
    language: str
    queues: list[str]
    capacity: Mapping[str, int]
    opened_at: datetime
    lease_until: datetime
    drain_reason: str | None


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """What a hello leads to.

    Attributes:
        redeliver: handed out to this instance and unknown to it: to be pushed again.
        lost: dispatches that the hello showed to be lost; they are scheduled again already.
        ended: announced dispatches that are not live for this worker: to be killed there.
        live: dispatches that the worker runs and may go on with.
    """

    binding: WorkerBinding
    redeliver: list[Handout]
    lost: list[str]
    ended: list[str]
    live: dict[str, ActivityKind]


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a sign of life leads to; as in `OpenedSession`."""

    ended: list[str]
    redeliver: list[Handout]


@dataclass(frozen=True, slots=True)
class Overdue:
    """A dispatch whose deadline has passed."""

    dispatch_id: str
    executor: str
    cause: LossCause

"""What the store returns: frozen rows, with times in UTC and states as words of the contract."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from tradewind.server.contract import DagImportError, DagRunState, SerializedDag, TaskInstanceState
from tradewind.server.store.handouts import (
    ClaimRequest,
    Dispatch,
    DispatchedTask,
    Handout,
    LossCause,
    OpenedSession,
    Overdue,
    Renewed,
    Report,
    SessionRow,
    WorkerBinding,
)

__all__ = [
    "AuditRow",
    "ClaimRequest",
    "CredentialRow",
    "DagFileRow",
    "DagRow",
    "DagVersionRow",
    "Dispatch",
    "DispatchedTask",
    "EventRow",
    "Handout",
    "ImportErrorRow",
    "InstanceRow",
    "LeaderRow",
    "LossCause",
    "OpenedSession",
    "Overdue",
    "Page",
    "ParseRow",
    "Renewed",
    "Report",
    "Role",
    "RunRow",
    "SessionRow",
    "SigningKeyRow",
    "TryRow",
    "VariableRow",
    "WorkerBinding",
    "XComRow",
]

T = TypeVar("T")
Role = Literal["admin", "viewer", "worker"]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some rows of many.

    Attributes:
        items: the rows asked for.
        total: how many there are in all.
    """

    items: list[T]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRow:
    """Who may call the server; the token itself is not kept."""

    id: str
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None

    @property
    def revoked(self) -> bool:
        return self.revoked_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeyRow:
    """A key pair that execution tokens are signed with.

    Attributes:
        kid: its name in tokens.
        public: the public half, 32 raw bytes in base64url without padding.
        private_pem: the private half, PKCS 8 in PEM, decrypted.
    """

    kid: str
    public: str
    private_pem: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DagRow:
    """A DAG as its file last declared it."""

    dag_id: str
    bundle: str
    file: str
    paused: bool
    stale: bool
    dag_version_pk: int
    version_number: int
    display_name: str | None
    description: str | None
    tags: list[str]
    owners: list[str]
    max_active_runs: int
    max_active_tasks: int
    max_consecutive_failed_runs: int
    dagrun_timeout_seconds: float | None
    timetable: dict[str, Any] | None
    next_run_after: datetime | None
    next_logical_date: datetime | None
    next_interval_start: datetime | None
    next_interval_end: datetime | None
    snapshot: str
    code_id: str
    last_parsed_at: datetime
    created_at: datetime
    has_import_errors: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DagVersionRow:
    """A declared structure of a DAG."""

    pk: int
    dag_id: str
    number: int
    structure_hash: str
    bundle: str
    file: str
    created_at: datetime
    dag: SerializedDag


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportErrorRow:
    """Why a file gave no DAGs, or one DAG fewer."""

    id: int
    bundle: str
    file: str
    error: DagImportError
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DagFileRow:
    """A file that declares DAGs, or tried to.

    Attributes:
        file_digest: SHA-256 of the file as parsed last; None before.
        snapshot: snapshot that was parsed last; like `code_id` and `file_digest` of the last parse that ended.
        files_read: bundle files that the last parse read, path to SHA-256.
        parse_id: the newest parse that is asked for or under way.
        parse_snapshot: its snapshot.
        has_error: whether the last parse ended with an import error.
    """

    bundle: str
    file: str
    file_digest: str | None
    snapshot: str | None
    code_id: str | None
    files_read: dict[str, str]
    parse_id: str | None
    parse_snapshot: str | None
    parse_state: Literal["none", "scheduled", "queued", "running"]
    has_error: bool
    parsed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseRow:
    """A parse that has not ended."""

    parse_id: str
    bundle: str
    file: str
    snapshot: str
    state: str
    executor: str
    lost: int
    timeout_seconds: float
    scheduled_at: datetime
    dispatch_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run of a DAG."""

    pk: int
    dag_id: str
    run_id: str
    run_type: str
    state: DagRunState
    rev: int
    conf: dict[str, Any]
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    changed_at: datetime
    dag_version_pk: int
    version_number: int
    bundle: str
    file: str
    snapshot: str
    code_id: str
    triggered_by: str
    triggering_user: str | None
    note: str | None
    next_run_after: datetime | None
    timeout_at: datetime | None
    cancelled_at: datetime | None
    end_reason: dict[str, Any] | None
    held_by_run_pk: int | None
    clear_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRow:
    """A task instance with what its last try tells."""

    pk: int
    run_pk: int
    dag_id: str
    run_id: str
    dag_version_pk: int
    task_id: str
    map_index: int
    operator: str
    state: TaskInstanceState
    rev: int
    try_number: int
    failures: int
    lost: int
    retries: int
    retry_delay_seconds: float
    retry_backoff: float
    max_retry_delay_seconds: float | None
    execution_timeout_seconds: float | None
    priority_weight: int
    pool: str
    pool_slots: int
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    run_as_user: str | None
    queue: str
    executor: str
    skips: list[str] | None
    note: str | None
    reason: dict[str, Any] | None
    retry_at: datetime | None
    scheduled_at: datetime | None
    queued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    changed_at: datetime
    try_id: str | None
    dispatch_id: str | None
    stopping_dispatch_id: str | None
    worker: str | None
    hostname: str | None
    unixname: str | None
    pid: int | None
    error: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TryRow:
    """One try of a task instance.

    Attributes:
        state: `queued`, `running`, `success`, `failed`, `skipped` or `lost`.
        error: `TaskError` of the contract as plain JSON.
    """

    try_id: str
    instance_pk: int
    try_number: int
    state: str
    executor: str
    queue: str
    dispatch_id: str
    worker: str | None
    hostname: str | None
    unixname: str | None
    pid: int | None
    error: dict[str, Any] | None
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One change of state."""

    id: int
    at: datetime
    machine: str
    run_pk: int
    dag_id: str
    run_id: str
    instance_pk: int | None
    task_id: str | None
    map_index: int | None
    dispatch_id: str | None
    from_state: str | None
    event: str
    to_state: str
    actor: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LeaderRow:
    """Who leads, and until when without renewing."""

    holder: str
    epoch: int
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class XComRow:
    """An XCom as listed."""

    key: str
    value: Any
    written_at: datetime


@dataclass(frozen=True, slots=True)
class VariableRow:
    """A variable as listed, decrypted."""

    key: str
    value: str
    description: str | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One entry of the audit trail."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    dispatch_id: str | None
    detail: dict[str, Any]

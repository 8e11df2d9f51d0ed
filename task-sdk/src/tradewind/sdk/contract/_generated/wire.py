# Code generated from schemas/head by tools.contract. DO NOT EDIT.
"""Models of everything that crosses the interface: open to what a newer server adds."""

from __future__ import annotations

import datetime as dt
import enum
import typing as t

import msgspec

Timestamp: t.TypeAlias = t.Annotated[dt.datetime, msgspec.Meta(tz=True)]

class Started(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """User code is about to run."""

    hostname: str
    unixname: str | None = None
    """Name of the operating-system user."""
    pid: int
    """Process id of the try on its host."""
    started_at: Timestamp
    """On the worker's clock."""


class RenewRequest(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Ask for a new execution token in place of one that is valid or expired."""

    token: str
    """The old token."""


class Renewal(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A new execution token."""

    token: str
    token_expires_at: Timestamp
    """Expiry of the token."""


class Mask(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="frame", tag="mask"):
    """Texts that the log must not show from now on. The answer is a response without a body."""

    request_id: int
    """Unique among the frames of the child that are answered."""
    values: list[str]


class Delta(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A span of calendar months and of time."""

    months: int
    """Whole months, added first."""
    seconds: float
    """Time, added last."""


class OnceTimetable(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="timetable", tag="once"):
    """One run, as soon as possible."""



class ContinuousTimetable(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="timetable", tag="continuous"):
    """A run after each run, one at a time."""



class CronTriggerTimetable(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="timetable", tag="cron_trigger"):
    """A run at each moment of one or several cron expressions."""

    crons: list[str]
    """The expressions; a moment of several of them is one run."""
    timezone: str
    """Name in the IANA time zone database."""
    interval: Delta | None = None
    """Length of the data interval that ends at the moment; none when absent."""
    run_immediately: bool = msgspec.field(default_factory=lambda: False)
    """Whether the last moment before the DAG was first scheduled has a run without catch-up."""
    run_immediately_seconds: float | None = None
    """The same, if that moment is not longer ago than this."""


class CronDataIntervalTimetable(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="timetable", tag="cron_data_interval"):
    """A run at the end of each interval between two moments of a cron expression."""

    cron: str
    """Five fields, or a preset such as @daily."""
    timezone: str
    """Name in the IANA time zone database."""


class DeltaTriggerTimetable(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="timetable", tag="delta_trigger"):
    """A run each time a span has passed since the start date or the run before."""

    delta: Delta
    interval: Delta | None = None
    """Length of the data interval that ends at the moment; none when absent."""


class DeltaDataIntervalTimetable(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="timetable", tag="delta_data_interval"):
    """A run at the end of each interval of this length."""

    delta: Delta


Timetable: t.TypeAlias = OnceTimetable | ContinuousTimetable | CronTriggerTimetable | CronDataIntervalTimetable | DeltaTriggerTimetable | DeltaDataIntervalTimetable
"""When runs of a DAG come due."""

DagId: t.TypeAlias = str
"""Name of a DAG, unique in a deployment."""

RunId: t.TypeAlias = str
"""Name of a DAG run, unique within its DAG."""

TaskId: t.TypeAlias = str
"""Name of a task, unique within its DAG."""

class EdgeLabel(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Words on the edge between two tasks."""

    upstream: TaskId
    downstream: TaskId
    label: str


class SerializedTaskGroup(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A task group, for people: its order is in the tasks."""

    group_id: TaskId
    parent: TaskId | None = None
    """Group around it; absent at the top."""
    display_name: str | None = None
    """Name for people; the last part of the id when absent."""
    tooltip: str | None = None
    """Words about it."""
    doc_md: str | None = None
    """Documentation in Markdown."""
    ui_color: str | None = None
    """CSS color of the box."""
    ui_fgcolor: str | None = None
    """CSS color of the words."""


MapIndex: t.TypeAlias = int
"""Index of a mapped task instance; -1 for a task that is not mapped."""

TryNumber: t.TypeAlias = int
"""1 for the first try of a task instance."""

TryId: t.TypeAlias = str
"""Identity of one try, the nth execution of a task instance."""

class TaskTryReference(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Composite identity of a try: all that a task needs to find itself."""

    dag_id: DagId
    run_id: RunId
    task_id: TaskId
    map_index: MapIndex
    try_number: TryNumber
    try_id: TryId


ParseId: t.TypeAlias = str
"""Identity of one parse of a DAG file."""

DispatchId: t.TypeAlias = str
"""Identity of one handing-out of an activity; it fences every report."""

class LeaseState(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What the server makes of a sign of life."""

    lease_seconds: float
    """How long the lease now lasts."""
    ended: list[DispatchId]
    """Dispatches that are not live any more; the worker kills them and drops their outcome."""


SessionId: t.TypeAlias = str
"""Identity of a worker session."""

InstanceId: t.TypeAlias = str
"""Identity of one life of a worker process, chosen by the worker at start."""

class StartRequest(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Exchange of a ticket for the activity that it stands for."""

    ticket: str
    """The 256 random bits of the envelope, base64url without padding."""
    nonce: str
    """Chosen once by the client; only the same nonce may repeat the exchange."""
    instance_id: InstanceId
    hostname: str
    pid: int
    sdk_version: str
    language: str
    """Language of the SDK, such as python or go."""


class LeaseRenewal(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One small sign of life for everything that a worker runs."""

    instance_id: InstanceId
    dispatches: list[DispatchId]
    """Live and spooled dispatches of the worker."""


OperationId: t.TypeAlias = str
"""Chosen by the caller of a mutating operation; a repeat with the same value returns the first answer."""

class SetVariable(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Write a variable."""

    op_id: OperationId
    value: str
    """The value; JSON values are kept as JSON text."""
    description: str | None = None
    """Words about it."""


QueueName: t.TypeAlias = str
"""Queue that a task waits in and that workers serve."""

ExecutorName: t.TypeAlias = str
"""Name of an executor of the deployment."""

WorkerName: t.TypeAlias = str
"""Name that a worker is enrolled under."""

BundleName: t.TypeAlias = str
"""Name of a DAG bundle."""

FilePath: t.TypeAlias = str
"""Path of a file relative to the root of its bundle, with forward slashes."""

class DagImportError(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Why a DAG file gave no DAGs."""

    file: FilePath
    line: int | None = None
    """Line of that file, when one is to blame."""
    type: str
    """Class name of the exception."""
    message: str
    """What went wrong and what to do."""
    traceback: str | None = None
    """The whole traceback."""


Digest: t.TypeAlias = str
"""SHA-256 in lower-case hexadecimal."""

class CodeReference(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Where the code of an activity is found. Code is content-addressed."""

    bundle: BundleName
    snapshot: Digest
    """Digest of the snapshot's manifest."""
    file: FilePath
    code_id: Digest | None = None
    """Digest of the DAG file and of every bundle file that its parse read; absent before the first parse."""


class ParseDagFile(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="kind", tag="parse_dag_file"):
    """Import one DAG file and report the DAGs that it declares."""

    parse_id: ParseId
    code: CodeReference
    timeout_seconds: float
    """Time after which the import is given up as an import error."""


class SnapshotFile(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One file of a snapshot."""

    digest: Digest
    size: int
    """In bytes."""


class SnapshotManifest(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """An immutable state of a bundle."""

    snapshot: Digest
    bundle: BundleName
    files: dict[str, SnapshotFile]
    """Path relative to the bundle's root to file."""


class SnapshotFilesRequest(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Files of a snapshot whose contents are wanted; together they are no larger than a body may be."""

    digests: list[Digest]
    """Digests of the files, as the manifest names them."""


XComKey: t.TypeAlias = str
"""Key of an XCom within its task instance."""

VariableKey: t.TypeAlias = str
"""Key of a variable."""

class Variable(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A variable with its value."""

    key: VariableKey
    value: str
    """The value; JSON values are kept as JSON text."""


class VariableKeys(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Keys of variables that may be read."""

    keys: list[VariableKey]
    """Sorted."""


ConnectionId: t.TypeAlias = str
"""Name of a connection."""

class Connection(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A connection with its secrets."""

    conn_id: ConnectionId
    conn_type: str
    """Kind of the connection, such as postgres or http."""
    description: str | None = None
    host: str | None = None
    login: str | None = None
    password: str | None = None
    port: int | None = None
    """TCP port."""
    schema_name: str | None = None
    """Database or schema on the host."""
    extra: str | None = None
    """Further settings as a JSON object in text form."""


class Secrets(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Secrets that the task declared, pushed with it."""

    connections: list[Connection]
    variables: list[Variable]


GrantPattern: t.TypeAlias = str
"""Exact name, or a prefix followed by one asterisk."""

class Grants(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What the code of a DAG declares to need beyond its own run."""

    connections: list[GrantPattern]
    """Connections that may be read."""
    variables: list[GrantPattern]
    """Variables that may be read."""
    write_variables: list[GrantPattern] | None = None
    """Variables that may be written and deleted."""
    read_dags: list[GrantPattern] | None = None
    """Other DAGs whose runs and XComs may be read."""
    trigger_dags: list[GrantPattern] | None = None
    """DAGs that may be triggered."""


ContractVersion: t.TypeAlias = str
"""A CalVer version of this contract."""

JsonValue: t.TypeAlias = t.Any
"""Any JSON value. Numbers are finite."""

class XComEntry(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """An XCom that a try leaves."""

    key: XComKey
    value: JsonValue


class XComValue(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """An XCom that was found."""

    value: JsonValue


class SetXCom(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Write an XCom of the own task instance."""

    op_id: OperationId
    value: JsonValue


class TriggerRun(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Ask for a run of a DAG."""

    op_id: OperationId
    run_id: RunId | None = None
    """Name of the run; made from the time when absent."""
    logical_date: Timestamp | None = None
    """The date that the run is about."""
    run_after: Timestamp | None = None
    """Moment from which the run may start; now when absent."""
    conf: dict[str, JsonValue]
    """Configuration that its tasks can read."""
    note: str | None = None
    """Words about the run."""
    reset: bool = msgspec.field(default_factory=lambda: False)
    """Whether a run of this name or logical date that exists is cleared and starts again."""


class SerializedParam(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A parameter of a DAG's runs."""

    value: t.Any = msgspec.UNSET
    """Default; absent for a parameter that every trigger must give."""
    json_schema: dict[str, JsonValue]
    """JSON Schema 2020-12 that the value must meet."""
    description: str | None = None
    """What it is for."""


PoolName: t.TypeAlias = str
"""Name of a pool."""

class VersionInfo(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One version of the contract."""

    version: ContractVersion
    released: bool
    """Released versions never change."""


class JsonWebKey(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Public half of a signing key (RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    alg: str
    use: str


class JsonWebKeySet(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Public keys that execution tokens are verified with (RFC 7517)."""

    keys: list[JsonWebKey]


class TaskError(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Why a try failed."""

    type: str
    """Class name of the exception, or signal, or exit."""
    message: str
    traceback: str | None = None
    retryable: bool
    """False when the task said that another try is of no use."""
    retry_delay_seconds: float | None = None
    """Pause before the next try as the task's retry policy decided it; the declared one when absent."""
    retry_reason: str | None = None
    """Why the retry policy decided as it did."""


class TaskSucceeded(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="outcome", tag="success"):
    """The try succeeded."""

    started: Started | None = None
    """What report_started says, where the worker left it out because the end came soon."""
    started_at: Timestamp
    """On the worker's clock."""
    ended_at: Timestamp
    """On the worker's clock."""
    xcoms: list[XComEntry]
    """Return values; the returned value itself has the key return_value."""
    skips: list[TaskId] | None = None
    """Tasks of the run that are not needed."""


class TaskFailed(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="outcome", tag="failed"):
    """The try failed."""

    started: Started | None = None
    """What report_started says, where the worker left it out because the end came soon."""
    started_at: Timestamp | None = None
    """On the worker's clock."""
    ended_at: Timestamp
    """On the worker's clock."""
    error: TaskError


class TaskSkipped(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="outcome", tag="skipped"):
    """The try decided that the task is not needed."""

    started: Started | None = None
    """What report_started says, where the worker left it out because the end came soon."""
    started_at: Timestamp
    """On the worker's clock."""
    ended_at: Timestamp
    """On the worker's clock."""
    message: str | None = None


class OutcomeReceipt(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The outcome is committed."""

    dispatch_id: DispatchId
    digest: Digest
    """SHA-256 of the outcome as recorded; a repeat of the same outcome gets the same receipt."""
    recorded_at: Timestamp
    """On the server's clock."""


class ProblemReason(enum.StrEnum):
    """Stable machine word of a refusal."""

    MISSING_TOKEN = "missing_token"
    MALFORMED_TOKEN = "malformed_token"
    FORGED_TOKEN = "forged_token"
    EXPIRED_TOKEN = "expired_token"
    WRONG_AUDIENCE = "wrong_audience"
    UNKNOWN_CREDENTIAL = "unknown_credential"
    REVOKED_CREDENTIAL = "revoked_credential"
    NOT_ALLOWED = "not_allowed"
    UNKNOWN_DISPATCH = "unknown_dispatch"
    DISPATCH_ENDED = "dispatch_ended"
    WRONG_ACTIVITY = "wrong_activity"
    WRONG_WORKER = "wrong_worker"
    INVALID_TICKET = "invalid_ticket"
    SPENT_TICKET = "spent_ticket"
    STALE_CONNECTION = "stale_connection"
    MISSING_FIELD = "missing_field"
    UNKNOWN_FIELD = "unknown_field"
    WRONG_TYPE = "wrong_type"
    INVALID_VALUE = "invalid_value"
    MALFORMED_BODY = "malformed_body"
    BODY_TOO_LARGE = "body_too_large"
    FRAME_TOO_LARGE = "frame_too_large"
    MALFORMED_FRAME = "malformed_frame"
    UNEXPECTED_FRAME = "unexpected_frame"
    UNKNOWN_OPERATION = "unknown_operation"
    HTTP_ONLY = "http_only"
    UNSUPPORTED_VERSION = "unsupported_version"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    CONFLICT = "conflict"
    TOO_BUSY = "too_busy"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    INTERNAL_ERROR = "internal_error"


class Problem(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Why a request was refused (RFC 9457)."""

    type: str
    """URI of the kind of problem."""
    title: str
    """The reason in words."""
    status: int
    """HTTP status."""
    detail: str
    """What was wrong with this request."""
    reason: ProblemReason
    field: str | None = None
    """Field or parameter to blame, as a dotted path."""
    action: str | None = None
    """What to do about it."""
    supported_versions: list[ContractVersion] | None = None
    """Versions on offer, when the version was refused."""
    retry_after_seconds: float | None = None
    """When to try again."""


class WaitingForRunStart(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="waiting_for_run_start"):
    """The run has not started yet."""

    run_id: RunId


class WaitingForRunSlot(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="waiting_for_run_slot"):
    """As many runs of the DAG are running as it allows."""

    active_runs: int
    max_active_runs: int


class DagPaused(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="dag_paused"):
    """The DAG is paused."""

    dag_id: DagId


class WaitingForUpstream(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="waiting_for_upstream"):
    """Upstream tasks have not ended yet."""

    upstream: list[TaskId]
    """The unfinished ones, sorted; at most twenty."""
    unfinished: int
    """How many are unfinished."""


class WaitingForScheduler(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="waiting_for_scheduler"):
    """Everything is met; the scheduler has not looked yet."""

    since: Timestamp | None = None
    """When the instance last changed."""


class HandedOut(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="handed_out"):
    """Handed to a worker or broker that has not reported a start."""

    executor: ExecutorName
    worker: WorkerName | None = None
    since: Timestamp
    """When it was handed out."""
    deadline: Timestamp | None = None
    """When it counts as lost."""


class Running(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="running"):
    """A worker runs it."""

    worker: WorkerName
    hostname: str | None = None
    pid: int | None = None
    since: Timestamp
    """When it started."""


class WorkerUnreachable(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="worker_unreachable"):
    """Its worker is silent; it may still be running there."""

    worker: WorkerName
    since: Timestamp
    """When the lease ended."""
    takeover_at: Timestamp
    """When it counts as lost."""


class RetryBackoff(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="retry_backoff"):
    """It failed and waits for its next try."""

    until: Timestamp
    """When the next try is due."""
    try_number: TryNumber
    """Number of the next try."""


class WaitingForRunAfter(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="waiting_for_run_after"):
    """The run is not due yet."""

    until: Timestamp
    """When it is due."""


class WaitingForPoolSlots(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="waiting_for_pool_slots"):
    """The pool has too few free slots."""

    pool: PoolName
    slots: int
    """Slots of the pool; -1 for any number."""
    used: int
    """Slots in use."""
    needed: int
    """Slots that it needs."""


class UnknownPool(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="unknown_pool"):
    """The pool does not exist."""

    pool: PoolName


class WaitingForActiveTasks(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="waiting_for_active_tasks"):
    """As many task instances of the run are active as its DAG allows."""

    active: int
    max_active_tasks: int


class WaitingForTaskInstances(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="waiting_for_task_instances"):
    """As many instances of the task are active as it allows."""

    active: int
    limit: int
    """The declared limit."""
    within_run: bool
    """Whether the limit holds for each run, or for all runs together."""


class WaitingForOldTry(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="waiting_for_old_try"):
    """An older try was stopped and is not known to have ended."""

    worker: WorkerName | None = None
    since: Timestamp
    """When it was stopped."""
    takeover_at: Timestamp | None = None
    """When it counts as ended without further sign."""


class SkippedByTask(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="skipped_by_task"):
    """A task decided that it is not needed."""

    task_id: TaskId
    """The task that decided."""


class OutsideOfDates(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="outside_of_dates"):
    """The logical date is outside of the task's start and end dates."""

    logical_date: Timestamp
    """The logical date of the run."""


class Hello(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="frame", tag="hello"):
    """First frame of a connection, from the worker."""

    api_version: ContractVersion
    sdk_version: str
    language: str
    instance_id: InstanceId
    hostname: str
    pid: int
    queues: list[QueueName]
    """Queues that the worker serves."""
    capacity: dict[str, int]
    """Kind of activity to how many may run at once."""
    live: list[DispatchId]
    """Dispatches that the worker has and runs."""
    spooled: list[DispatchId]
    """Dispatches whose outcome waits to be delivered."""
    ended_instances: list[InstanceId]
    """Earlier lives of this worker that are known to have ended, with everything that they ran."""


class Welcome(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="frame", tag="welcome"):
    """Answer to hello."""

    session_id: SessionId
    connection_epoch: int
    """Raised by each connection of the worker; frames of an older one are refused."""
    worker: WorkerName
    lease_seconds: float
    renew_every_seconds: float
    max_frame_bytes: int
    max_body_bytes: int
    server_time: Timestamp
    """On the server's clock."""
    ended: list[DispatchId]
    """Announced dispatches that are not live any more; the worker kills them and drops their outcome."""


class Refused(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="frame", tag="refused"):
    """The server refuses the connection or a frame and closes."""

    problem: Problem


class Cancel(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="frame", tag="cancel"):
    """The dispatch may not act any more: kill it and report it as interrupted, cause cancelled, so that its end is known."""

    dispatch_id: DispatchId
    message: str


class Offer(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="frame", tag="offer"):
    """The worker's capacity changed; zero stops further deliveries."""

    capacity: dict[str, int]
    """Kind of activity to how many may run at once."""


class Request(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="frame", tag="request"):
    """Call of an operation over a connection that is already open."""

    request_id: int
    """Unique on the connection."""
    operation: str
    """Id of the operation."""
    parameters: dict[str, str]
    """Path and query parameters."""
    token: str | None = None
    """Execution token, for operations that act for an activity."""
    body: t.Any = msgspec.UNSET
    """Body of a JSON operation."""
    text: str | None = None
    """Body of an operation with another media type."""


class Response(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="frame", tag="response"):
    """Answer to a request; a refusal has a problem as its body."""

    request_id: int
    status: int
    """As the HTTP status of the operation."""
    body: t.Any = msgspec.UNSET


WorkerFrame: t.TypeAlias = Hello | Request | Offer
"""Frame from a worker."""

class Tail(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="frame", tag="tail"):
    """Somebody reads along: send the log of this dispatch as it comes, for a while."""

    dispatch_id: DispatchId
    seconds: float
    """How long; repeated as long as somebody looks."""


class Drain(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="frame", tag="drain"):
    """Take no more work, and stop when what runs has ended."""

    message: str
    """Why."""


class TaskInstanceState(enum.StrEnum):
    """State of a task instance; the legal changes are in states.json."""

    NONE = "none"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    UPSTREAM_FAILED = "upstream_failed"
    UP_FOR_RETRY = "up_for_retry"


class Ended(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="ended"):
    """It is final and waits for nothing."""

    state: TaskInstanceState
    error: str | None = None
    """Message of the last error."""


class WaitingForPast(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="waiting_for_past"):
    """The run before has not ended well for this task."""

    run_id: RunId
    """The run before."""
    task_id: TaskId
    """The task there that is in the way."""
    state: TaskInstanceState


class Marked(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="marked"):
    """Somebody set its state by hand."""

    state: TaskInstanceState
    user: str | None = None
    """Name of the credential."""
    at: Timestamp
    """When."""


class DagRunState(enum.StrEnum):
    """State of a DAG run; the legal changes are in states.json."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


class DagRunType(enum.StrEnum):
    """What created a DAG run."""

    MANUAL = "manual"
    SCHEDULED = "scheduled"
    OPERATOR_TRIGGERED = "operator_triggered"


class RunSummary(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A run, as other runs see it."""

    dag_id: DagId
    run_id: RunId
    run_type: DagRunType
    state: DagRunState
    run_after: Timestamp
    """Moment from which it may start."""
    logical_date: Timestamp | None = None
    """The date that it is about."""
    data_interval_start: Timestamp | None = None
    """Start of the data interval."""
    data_interval_end: Timestamp | None = None
    """End of the data interval."""
    start_date: Timestamp | None = None
    """Moment when it started."""
    end_date: Timestamp | None = None
    """Moment when it ended."""


class ActivityKind(enum.StrEnum):
    """Kind of work that is handed out."""

    EXECUTE_TASK = "execute_task"
    PARSE_DAG_FILE = "parse_dag_file"


class Envelope(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """All that travels through a broker: no secret and nothing that grants more than one start."""

    contract: ContractVersion
    api_url: str
    """Base URL of the API server."""
    kind: ActivityKind
    dispatch_id: DispatchId
    ticket: str
    """256 random bits, base64url without padding."""


class VersionList(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Versions and limits on offer; needs no credential."""

    versions: list[VersionInfo]
    newest: ContractVersion
    server_version: str
    server_time: Timestamp
    """On the server's clock."""
    kinds: list[ActivityKind]
    """Kinds of activity that this server hands out."""
    max_frame_bytes: int
    max_body_bytes: int


class NoWorkerForQueue(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="no_worker_for_queue"):
    """No connected worker serves the queue."""

    queue: QueueName
    kind: ActivityKind


class WaitingForCapacity(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="waiting_for_capacity"):
    """All workers of the queue are busy."""

    queue: QueueName
    kind: ActivityKind


class TriggerRule(enum.StrEnum):
    """Which upstream states let a task instance run."""

    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_DONE_MIN_ONE_SUCCESS = "all_done_min_one_success"
    ALL_DONE_SETUP_SUCCESS = "all_done_setup_success"
    ONE_SUCCESS = "one_success"
    ONE_FAILED = "one_failed"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    NONE_SKIPPED = "none_skipped"
    ALL_SKIPPED = "all_skipped"
    ALWAYS = "always"


class UpstreamNotMet(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="upstream_not_met"):
    """It will not run because of its upstream tasks."""

    upstream: list[TaskId]
    """The tasks to blame, sorted; at most twenty."""
    trigger_rule: TriggerRule


class Isolation(enum.StrEnum):
    """How a try gets its process: a fork of a warm parent that has imported the DAG file, a new interpreter, or a warm process that runs many tries of the same code and grants."""

    FORK = "fork"
    SPAWN = "spawn"
    REUSE = "reuse"


class OnCut(enum.StrEnum):
    """What a worker does with a live try that it can no longer report before its takeover."""

    CONTINUE = "continue"
    STOP = "stop"


class LogSource(enum.StrEnum):
    """Where a log record came from."""

    STDOUT = "stdout"
    STDERR = "stderr"
    LOG = "log"
    SUPERVISOR = "supervisor"


class LogLevel(enum.StrEnum):
    """Severity of a log record."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class LogRecord(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One line of a task's log."""

    timestamp: Timestamp
    """When it was written."""
    source: LogSource
    level: LogLevel
    message: str
    logger: str | None = None
    """Name of the logger."""


class InterruptCause(enum.StrEnum):
    """Why a worker ended an activity that was not at fault."""

    WORKER_STOPPING = "worker_stopping"
    WORKER_FAILURE = "worker_failure"
    LEASE_CUT = "lease_cut"
    CANCELLED = "cancelled"


class ActivityInterrupted(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="outcome", tag="interrupted"):
    """The worker ended the activity for a reason that is not the activity's own; it is handed out again and counts as no failure."""

    started: Started | None = None
    """What report_started says, where the worker left it out because the end came soon."""
    ended_at: Timestamp
    """On the worker's clock."""
    cause: InterruptCause
    message: str | None = None


class WeightRule(enum.StrEnum):
    """How the effective priority of a task follows from its weight and those of its neighbours."""

    DOWNSTREAM = "downstream"
    UPSTREAM = "upstream"
    ABSOLUTE = "absolute"


class SerializedTask(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One task of a DAG, without its code."""

    task_id: TaskId
    operator: str
    """Class name of the operator."""
    operator_module: str
    """Import path of the module of the operator."""
    operator_name: str | None = None
    """What people call the operator, if that is not its class: @task or @task.bash."""
    upstream: list[TaskId]
    """Tasks that this one waits for, sorted."""
    trigger_rule: TriggerRule
    retries: int
    """Further tries after a failed one."""
    retry_delay_seconds: float
    """Pause between a failed try and the next."""
    queue: QueueName
    executor: ExecutorName | None = None
    """Executor that hands this task out; the deployment's default when absent."""
    isolation: Isolation
    on_cut: OnCut
    takeover_after_seconds: float | None = None
    """Silence of its worker after which a try counts as lost; the deployment's default when absent."""
    grants: Grants | None = None
    """What this task declares in addition to its DAG."""
    owner: str
    """Who answers for the task."""
    doc_md: str | None = None
    """Documentation in Markdown."""
    display_name: str | None = None
    """Name for people; the task id when absent."""
    task_group: TaskId | None = None
    """Innermost task group that holds the task."""
    retry_backoff: float = msgspec.field(default_factory=lambda: 1)
    """Factor by which the pause grows with each failure; 1 for a fixed pause."""
    max_retry_delay_seconds: float | None = None
    """Longest pause between a failed try and the next."""
    execution_timeout_seconds: float | None = None
    """Time after which a try is stopped and fails."""
    depends_on_past: bool = msgspec.field(default_factory=lambda: False)
    """Whether the same task of the run before must have ended in success or skipped."""
    ignore_first_depends_on_past: bool = msgspec.field(default_factory=lambda: True)
    """Whether a first run may go ahead without a run before it."""
    wait_for_past_depends_before_skipping: bool = msgspec.field(default_factory=lambda: False)
    """Whether even skipping it waits for the run before."""
    wait_for_downstream: bool = msgspec.field(default_factory=lambda: False)
    """Whether the tasks right downstream of it in the run before must have ended well, too."""
    priority_weight: int = msgspec.field(default_factory=lambda: 1)
    """Own weight; what is claimed first follows from the weight rule."""
    weight_rule: WeightRule | None = None
    """How the effective priority follows; downstream when absent."""
    pool: PoolName | None = None
    """Pool whose slots it needs; default_pool when absent."""
    pool_slots: int = msgspec.field(default_factory=lambda: 1)
    """Slots that it needs."""
    max_active_tis_per_dag: int | None = None
    """Instances of the task that may be active at once over all runs."""
    max_active_tis_per_dagrun: int | None = None
    """Instances of the task that may be active at once in one run."""
    is_setup: bool = msgspec.field(default_factory=lambda: False)
    """Whether it is a setup task."""
    is_teardown: bool = msgspec.field(default_factory=lambda: False)
    """Whether it is a teardown task."""
    on_failure_fail_dagrun: bool = msgspec.field(default_factory=lambda: False)
    """Whether a failed teardown fails its run."""
    run_as_user: str | None = None
    """Operating-system user that its code runs as."""
    start_date: Timestamp | None = None
    """First logical date that the task is for."""
    end_date: Timestamp | None = None
    """Last logical date that the task is for."""
    doc: str | None = None
    """Documentation in plain text."""
    doc_json: str | None = None
    """Documentation in JSON."""
    doc_yaml: str | None = None
    """Documentation in YAML."""
    doc_rst: str | None = None
    """Documentation in reStructuredText."""


class SerializedDag(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One DAG as declared in its file."""

    dag_id: DagId
    description: str | None = None
    """One line about the DAG."""
    doc_md: str | None = None
    """Documentation in Markdown."""
    tags: list[str]
    """Labels for searching, sorted."""
    line: int | None = None
    """Line of the file where the DAG is declared."""
    max_active_runs: int
    """Runs of this DAG that may be running at once."""
    grants: Grants | None = None
    """What all tasks of the DAG declare."""
    tasks: list[SerializedTask]
    """Tasks in topological order."""
    edge_labels: list[EdgeLabel] | None = None
    """Labels of edges, sorted by upstream and downstream."""
    display_name: str | None = None
    """Name for people; the DAG id when absent."""
    timetable: Timetable | None = None
    """When runs come due; absent for a DAG that is only triggered."""
    start_date: Timestamp | None = None
    """Runs are scheduled for moments from here on."""
    end_date: Timestamp | None = None
    """Runs are scheduled for moments up to here."""
    timezone: str | None = None
    """Name in the IANA time zone database."""
    catchup: bool = msgspec.field(default_factory=lambda: False)
    """Whether moments that passed unscheduled have runs, too."""
    max_active_tasks: int | None = None
    """Task instances that may be active at once in one run."""
    max_consecutive_failed_dag_runs: int = msgspec.field(default_factory=lambda: 0)
    """Failed runs in a row after which the DAG is paused; 0 for never."""
    dagrun_timeout_seconds: float | None = None
    """Time after which a run is ended as failed."""
    fail_fast: bool = msgspec.field(default_factory=lambda: False)
    """Whether the first failed task ends the run."""
    paused_upon_creation: bool | None = None
    """Whether the DAG is paused when it is first seen; the deployment's default when absent."""
    params: dict[str, SerializedParam] | None = None
    """Parameters by name."""
    task_groups: list[SerializedTaskGroup] | None = None
    """Groups, outer ones first."""
    owner_links: dict[str, str] | None = None
    """Owner to URL."""


class FileParsed(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="outcome", tag="parsed"):
    """The parse ended."""

    started: Started | None = None
    """What report_started says, where the worker left it out because the end came soon."""
    ended_at: Timestamp
    """On the worker's clock."""
    duration_seconds: float
    """Time of the import and the serialization."""
    code_id: Digest
    """SHA-256 over the sorted lines `path NUL digest LF` of files_read."""
    files_read: dict[str, Digest]
    """Bundle files that the import read, the DAG file among them: path to SHA-256."""
    dags: list[SerializedDag]
    error: DagImportError | None = None


Outcome: t.TypeAlias = TaskSucceeded | TaskFailed | TaskSkipped | ActivityInterrupted | FileParsed
"""How an activity ended."""

class Result(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="frame", tag="result"):
    """Last frame from the child: how it ended."""

    outcome: Outcome


ChildFrame: t.TypeAlias = Request | Mask | Result
"""Frame from the child. Its requests carry no token: the supervisor adds it."""

class RunEndCause(enum.StrEnum):
    """Why a run ended before its tasks did."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    FAILED_FAST = "failed_fast"


class RunEnded(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="reason", tag="run_ended"):
    """Its run ended before it."""

    cause: RunEndCause
    task_id: TaskId | None = None
    """The task whose failure ended the run."""


Reason: t.TypeAlias = WaitingForRunStart | WaitingForRunSlot | DagPaused | WaitingForUpstream | WaitingForScheduler | NoWorkerForQueue | WaitingForCapacity | HandedOut | Running | WorkerUnreachable | RetryBackoff | UpstreamNotMet | Ended | WaitingForRunAfter | WaitingForPoolSlots | UnknownPool | WaitingForActiveTasks | WaitingForTaskInstances | WaitingForPast | WaitingForOldTry | SkippedByTask | OutsideOfDates | RunEnded | Marked
"""Why a task instance or run is where it is."""

class TriggeredBy(enum.StrEnum):
    """Who asked for a run."""

    REST_API = "rest_api"
    OPERATOR = "operator"
    TIMETABLE = "timetable"
    TEST = "test"


class DagRunContext(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """The run as its tasks see it."""

    dag_id: DagId
    run_id: RunId
    run_type: DagRunType
    logical_date: Timestamp | None = None
    """The date that the run is about."""
    data_interval_start: Timestamp | None = None
    """Start of the data interval."""
    data_interval_end: Timestamp | None = None
    """End of the data interval."""
    run_after: Timestamp
    """Moment from which the run may start."""
    start_date: Timestamp | None = None
    """Moment when the run started."""
    conf: dict[str, JsonValue]
    """Configuration given when the run was triggered."""
    dag_version: int
    """Number of the DAG version that the run is pinned to."""
    triggering_user: str | None = None
    """Name of the credential that triggered the run."""
    next_run_after: Timestamp | None = None
    """Moment when the next scheduled run is due, if the DAG has a timetable."""
    note: str | None = None
    """Words of whoever triggered or annotated the run."""
    triggered_by: TriggeredBy | None = None


class ExecuteTask(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="kind", tag="execute_task"):
    """Run one try of a task instance."""

    task_try: TaskTryReference
    dag_run: DagRunContext
    code: CodeReference
    max_tries: int
    """Tries that the task instance may have without counting lost ones."""
    isolation: Isolation
    on_cut: OnCut
    execution_timeout_seconds: float | None = None
    """Time after which the try is stopped and fails."""
    run_as_user: str | None = None
    """Operating-system user that its code runs as."""


Activity: t.TypeAlias = ExecuteTask | ParseDagFile
"""Work that is handed out."""

class Delivery(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """An activity with everything that a worker needs to run it."""

    dispatch_id: DispatchId
    activity: Activity
    token: str
    """Execution token of the activity."""
    token_expires_at: Timestamp
    """Expiry of the token."""
    takeover_after_seconds: float
    """Silence of the worker after which the dispatch may be taken over."""
    secrets: Secrets
    contract: ContractVersion


class Assignment(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="frame", tag="assignment"):
    """First frame to the child: what it is to do."""

    dispatch_id: DispatchId
    activity: Activity
    secrets: Secrets
    snapshot_directory: str
    """Directory that holds the files of the snapshot."""
    xcom_backend: str | None = None
    """Class that turns values into XComs and back, as module:Class."""
    xcom_classes: list[str] | None = None
    """Classes that XComs may be turned into, beside the built-in ones: names with their modules, in which * stands for anything."""


SupervisorFrame: t.TypeAlias = Assignment | Response
"""Frame to the child."""

class Deliver(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True, tag_field="frame", tag="deliver"):
    """Push of an activity."""

    delivery: Delivery


ServerFrame: t.TypeAlias = Welcome | Refused | Deliver | Cancel | Response | Tail | Drain
"""Frame from the server."""

__all__ = [
    "Activity",
    "ActivityInterrupted",
    "ActivityKind",
    "Assignment",
    "BundleName",
    "Cancel",
    "ChildFrame",
    "CodeReference",
    "Connection",
    "ConnectionId",
    "ContinuousTimetable",
    "ContractVersion",
    "CronDataIntervalTimetable",
    "CronTriggerTimetable",
    "DagId",
    "DagImportError",
    "DagPaused",
    "DagRunContext",
    "DagRunState",
    "DagRunType",
    "Deliver",
    "Delivery",
    "Delta",
    "DeltaDataIntervalTimetable",
    "DeltaTriggerTimetable",
    "Digest",
    "DispatchId",
    "Drain",
    "EdgeLabel",
    "Ended",
    "Envelope",
    "ExecuteTask",
    "ExecutorName",
    "FileParsed",
    "FilePath",
    "GrantPattern",
    "Grants",
    "HandedOut",
    "Hello",
    "InstanceId",
    "InterruptCause",
    "Isolation",
    "JsonValue",
    "JsonWebKey",
    "JsonWebKeySet",
    "LeaseRenewal",
    "LeaseState",
    "LogLevel",
    "LogRecord",
    "LogSource",
    "MapIndex",
    "Marked",
    "Mask",
    "NoWorkerForQueue",
    "Offer",
    "OnCut",
    "OnceTimetable",
    "OperationId",
    "Outcome",
    "OutcomeReceipt",
    "OutsideOfDates",
    "ParseDagFile",
    "ParseId",
    "PoolName",
    "Problem",
    "ProblemReason",
    "QueueName",
    "Reason",
    "Refused",
    "RenewRequest",
    "Renewal",
    "Request",
    "Response",
    "Result",
    "RetryBackoff",
    "RunEndCause",
    "RunEnded",
    "RunId",
    "RunSummary",
    "Running",
    "Secrets",
    "SerializedDag",
    "SerializedParam",
    "SerializedTask",
    "SerializedTaskGroup",
    "ServerFrame",
    "SessionId",
    "SetVariable",
    "SetXCom",
    "SkippedByTask",
    "SnapshotFile",
    "SnapshotFilesRequest",
    "SnapshotManifest",
    "StartRequest",
    "Started",
    "SupervisorFrame",
    "Tail",
    "TaskError",
    "TaskFailed",
    "TaskId",
    "TaskInstanceState",
    "TaskSkipped",
    "TaskSucceeded",
    "TaskTryReference",
    "Timetable",
    "TriggerRule",
    "TriggerRun",
    "TriggeredBy",
    "TryId",
    "TryNumber",
    "UnknownPool",
    "UpstreamNotMet",
    "Variable",
    "VariableKey",
    "VariableKeys",
    "VersionInfo",
    "VersionList",
    "WaitingForActiveTasks",
    "WaitingForCapacity",
    "WaitingForOldTry",
    "WaitingForPast",
    "WaitingForPoolSlots",
    "WaitingForRunAfter",
    "WaitingForRunSlot",
    "WaitingForRunStart",
    "WaitingForScheduler",
    "WaitingForTaskInstances",
    "WaitingForUpstream",
    "WeightRule",
    "Welcome",
    "WorkerFrame",
    "WorkerName",
    "WorkerUnreachable",
    "XComEntry",
    "XComKey",
    "XComValue",
]

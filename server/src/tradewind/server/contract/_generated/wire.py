# Code generated from schemas/head by tools.contract. DO NOT EDIT.
"""Models of everything that crosses the interface: closed, frozen and strict."""

from __future__ import annotations

import enum
import typing as t

import pydantic as p

from tradewind.server.contract import model as m


class Started(m.WireModel):
    """User code is about to run."""

    hostname: t.Annotated[str, p.Field(min_length=1, max_length=255)]
    unixname: m.Omittable[t.Annotated[str, p.Field(min_length=1, max_length=255)]] = None
    """Name of the operating-system user."""
    pid: t.Annotated[int, p.Field(ge=1)]
    """Process id of the try on its host."""
    started_at: m.Timestamp
    """On the worker's clock."""


class RenewRequest(m.WireModel):
    """Ask for a new execution token in place of one that is valid or expired."""

    token: t.Annotated[str, p.Field(min_length=1, max_length=4096)]
    """The old token."""


class Renewal(m.WireModel):
    """A new execution token."""

    token: t.Annotated[str, p.Field(min_length=1, max_length=4096)]
    token_expires_at: m.Timestamp
    """Expiry of the token."""


class Mask(m.TaggedModel):
    """Texts that the log must not show from now on. The answer is a response without a body."""

    tag_property: t.ClassVar[str] = "frame"
    frame: t.Literal["mask"] = "mask"
    request_id: t.Annotated[int, p.Field(ge=1)]
    """Unique among the frames of the child that are answered."""
    values: t.Annotated[list[str], p.Field(max_length=10000)]


class Delta(m.WireModel):
    """A span of calendar months and of time."""

    months: t.Annotated[int, p.Field(ge=-12000, le=12000)]
    """Whole months, added first."""
    seconds: float
    """Time, added last."""


class OnceTimetable(m.TaggedModel):
    """One run, as soon as possible."""

    tag_property: t.ClassVar[str] = "timetable"
    timetable: t.Literal["once"] = "once"


class ContinuousTimetable(m.TaggedModel):
    """A run after each run, one at a time."""

    tag_property: t.ClassVar[str] = "timetable"
    timetable: t.Literal["continuous"] = "continuous"


class CronTriggerTimetable(m.TaggedModel):
    """A run at each moment of one or several cron expressions."""

    tag_property: t.ClassVar[str] = "timetable"
    timetable: t.Literal["cron_trigger"] = "cron_trigger"
    crons: t.Annotated[list[t.Annotated[str, p.Field(min_length=1, max_length=500)]], p.Field(min_length=1, max_length=100)]
    """The expressions; a moment of several of them is one run."""
    timezone: t.Annotated[str, p.Field(min_length=1, max_length=100)]
    """Name in the IANA time zone database."""
    interval: m.Omittable[Delta] = None
    """Length of the data interval that ends at the moment; none when absent."""
    run_immediately: bool = False
    """Whether the last moment before the DAG was first scheduled has a run without catch-up."""
    run_immediately_seconds: m.Omittable[t.Annotated[float, p.Field(ge=0)]] = None
    """The same, if that moment is not longer ago than this."""


class CronDataIntervalTimetable(m.TaggedModel):
    """A run at the end of each interval between two moments of a cron expression."""

    tag_property: t.ClassVar[str] = "timetable"
    timetable: t.Literal["cron_data_interval"] = "cron_data_interval"
    cron: t.Annotated[str, p.Field(min_length=1, max_length=500)]
    """Five fields, or a preset such as @daily."""
    timezone: t.Annotated[str, p.Field(min_length=1, max_length=100)]
    """Name in the IANA time zone database."""


class DeltaTriggerTimetable(m.TaggedModel):
    """A run each time a span has passed since the start date or the run before."""

    tag_property: t.ClassVar[str] = "timetable"
    timetable: t.Literal["delta_trigger"] = "delta_trigger"
    delta: Delta
    interval: m.Omittable[Delta] = None
    """Length of the data interval that ends at the moment; none when absent."""


class DeltaDataIntervalTimetable(m.TaggedModel):
    """A run at the end of each interval of this length."""

    tag_property: t.ClassVar[str] = "timetable"
    timetable: t.Literal["delta_data_interval"] = "delta_data_interval"
    delta: Delta


Timetable: t.TypeAlias = t.Annotated[OnceTimetable | ContinuousTimetable | CronTriggerTimetable | CronDataIntervalTimetable | DeltaTriggerTimetable | DeltaDataIntervalTimetable, p.Field(discriminator="timetable")]
"""When runs of a DAG come due."""

DagId: t.TypeAlias = t.Annotated[str, p.Field(min_length=1, max_length=250, pattern="^[A-Za-z0-9_.\\-]+$")]
"""Name of a DAG, unique in a deployment."""

RunId: t.TypeAlias = t.Annotated[str, p.Field(min_length=1, max_length=250, pattern="^[A-Za-z0-9_.~:+\\-]+$")]
"""Name of a DAG run, unique within its DAG."""

TaskId: t.TypeAlias = t.Annotated[str, p.Field(min_length=1, max_length=250, pattern="^[A-Za-z0-9_.\\-]+$")]
"""Name of a task, unique within its DAG."""

class EdgeLabel(m.WireModel):
    """Words on the edge between two tasks."""

    upstream: TaskId
    downstream: TaskId
    label: t.Annotated[str, p.Field(min_length=1, max_length=500)]


class SerializedTaskGroup(m.WireModel):
    """A task group, for people: its order is in the tasks."""

    group_id: TaskId
    parent: m.Omittable[TaskId] = None
    """Group around it; absent at the top."""
    display_name: m.Omittable[t.Annotated[str, p.Field(min_length=1, max_length=500)]] = None
    """Name for people; the last part of the id when absent."""
    tooltip: m.Omittable[t.Annotated[str, p.Field(max_length=5000)]] = None
    """Words about it."""
    doc_md: m.Omittable[t.Annotated[str, p.Field(max_length=100000)]] = None
    """Documentation in Markdown."""
    ui_color: m.Omittable[t.Annotated[str, p.Field(max_length=50)]] = None
    """CSS color of the box."""
    ui_fgcolor: m.Omittable[t.Annotated[str, p.Field(max_length=50)]] = None
    """CSS color of the words."""


MapIndex: t.TypeAlias = t.Annotated[int, p.Field(ge=-1)]
"""Index of a mapped task instance; -1 for a task that is not mapped."""

TryNumber: t.TypeAlias = t.Annotated[int, p.Field(ge=1)]
"""1 for the first try of a task instance."""

TryId: t.TypeAlias = m.Uuid
"""Identity of one try, the nth execution of a task instance."""

class TaskTryReference(m.WireModel):
    """Composite identity of a try: all that a task needs to find itself."""

    dag_id: DagId
    run_id: RunId
    task_id: TaskId
    map_index: MapIndex
    try_number: TryNumber
    try_id: TryId


ParseId: t.TypeAlias = m.Uuid
"""Identity of one parse of a DAG file."""

DispatchId: t.TypeAlias = m.Uuid
"""Identity of one handing-out of an activity; it fences every report."""

class LeaseState(m.WireModel):
    """What the server makes of a sign of life."""

    lease_seconds: t.Annotated[float, p.Field(gt=0)]
    """How long the lease now lasts."""
    ended: list[DispatchId]
    """Dispatches that are not live any more; the worker kills them and drops their outcome."""


SessionId: t.TypeAlias = m.Uuid
"""Identity of a worker session."""

InstanceId: t.TypeAlias = m.Uuid
"""Identity of one life of a worker process, chosen by the worker at start."""

class StartRequest(m.WireModel):
    """Exchange of a ticket for the activity that it stands for."""

    ticket: t.Annotated[str, p.Field(min_length=43, max_length=43, pattern="^[A-Za-z0-9_-]{43}$")]
    """The 256 random bits of the envelope, base64url without padding."""
    nonce: t.Annotated[str, p.Field(min_length=16, max_length=128, pattern="^[A-Za-z0-9_-]+$")]
    """Chosen once by the client; only the same nonce may repeat the exchange."""
    instance_id: InstanceId
    hostname: t.Annotated[str, p.Field(min_length=1, max_length=255)]
    pid: t.Annotated[int, p.Field(ge=1)]
    sdk_version: t.Annotated[str, p.Field(min_length=1, max_length=50)]
    language: t.Annotated[str, p.Field(min_length=1, max_length=50)]
    """Language of the SDK, such as python or go."""


class LeaseRenewal(m.WireModel):
    """One small sign of life for everything that a worker runs."""

    instance_id: InstanceId
    dispatches: t.Annotated[list[DispatchId], p.Field(max_length=10000)]
    """Live and spooled dispatches of the worker."""


OperationId: t.TypeAlias = m.Uuid
"""Chosen by the caller of a mutating operation; a repeat with the same value returns the first answer."""

class SetVariable(m.WireModel):
    """Write a variable."""

    op_id: OperationId
    value: t.Annotated[str, p.Field(max_length=1000000)]
    """The value; JSON values are kept as JSON text."""
    description: m.Omittable[t.Annotated[str, p.Field(max_length=5000)]] = None
    """Words about it."""


QueueName: t.TypeAlias = t.Annotated[str, p.Field(min_length=1, max_length=100, pattern="^[A-Za-z0-9_.\\-]+$")]
"""Queue that a task waits in and that workers serve."""

ExecutorName: t.TypeAlias = t.Annotated[str, p.Field(min_length=1, max_length=100, pattern="^[A-Za-z0-9_.\\-]+$")]
"""Name of an executor of the deployment."""

WorkerName: t.TypeAlias = t.Annotated[str, p.Field(min_length=1, max_length=100, pattern="^[A-Za-z0-9_.\\-]+$")]
"""Name that a worker is enrolled under."""

BundleName: t.TypeAlias = t.Annotated[str, p.Field(min_length=1, max_length=100, pattern="^[A-Za-z0-9_.\\-]+$")]
"""Name of a DAG bundle."""

FilePath: t.TypeAlias = t.Annotated[str, p.Field(min_length=1, max_length=1024)]
"""Path of a file relative to the root of its bundle, with forward slashes."""

class DagImportError(m.WireModel):
    """Why a DAG file gave no DAGs."""

    file: FilePath
    line: m.Omittable[t.Annotated[int, p.Field(ge=1)]] = None
    """Line of that file, when one is to blame."""
    type: t.Annotated[str, p.Field(min_length=1, max_length=250)]
    """Class name of the exception."""
    message: t.Annotated[str, p.Field(max_length=10000)]
    """What went wrong and what to do."""
    traceback: m.Omittable[t.Annotated[str, p.Field(max_length=200000)]] = None
    """The whole traceback."""


Digest: t.TypeAlias = t.Annotated[str, p.Field(pattern="^[0-9a-f]{64}$")]
"""SHA-256 in lower-case hexadecimal."""

class CodeReference(m.WireModel):
    """Where the code of an activity is found. Code is content-addressed."""

    bundle: BundleName
    snapshot: Digest
    """Digest of the snapshot's manifest."""
    file: FilePath
    code_id: m.Omittable[Digest] = None
    """Digest of the DAG file and of every bundle file that its parse read; absent before the first parse."""


class ParseDagFile(m.TaggedModel):
    """Import one DAG file and report the DAGs that it declares."""

    tag_property: t.ClassVar[str] = "kind"
    kind: t.Literal["parse_dag_file"] = "parse_dag_file"
    parse_id: ParseId
    code: CodeReference
    timeout_seconds: t.Annotated[float, p.Field(gt=0)]
    """Time after which the import is given up as an import error."""


class SnapshotFile(m.WireModel):
    """One file of a snapshot."""

    digest: Digest
    size: t.Annotated[int, p.Field(ge=0)]
    """In bytes."""


class SnapshotManifest(m.WireModel):
    """An immutable state of a bundle."""

    snapshot: Digest
    bundle: BundleName
    files: dict[str, SnapshotFile]
    """Path relative to the bundle's root to file."""


class SnapshotFilesRequest(m.WireModel):
    """Files of a snapshot whose contents are wanted; together they are no larger than a body may be."""

    digests: t.Annotated[list[Digest], p.Field(min_length=1, max_length=1000)]
    """Digests of the files, as the manifest names them."""


XComKey: t.TypeAlias = t.Annotated[str, p.Field(min_length=1, max_length=512)]
"""Key of an XCom within its task instance."""

VariableKey: t.TypeAlias = t.Annotated[str, p.Field(min_length=1, max_length=250)]
"""Key of a variable."""

class Variable(m.WireModel):
    """A variable with its value."""

    key: VariableKey
    value: t.Annotated[str, p.Field(max_length=1000000)]
    """The value; JSON values are kept as JSON text."""


class VariableKeys(m.WireModel):
    """Keys of variables that may be read."""

    keys: list[VariableKey]
    """Sorted."""


ConnectionId: t.TypeAlias = t.Annotated[str, p.Field(min_length=1, max_length=250)]
"""Name of a connection."""

class Connection(m.WireModel):
    """A connection with its secrets."""

    conn_id: ConnectionId
    conn_type: t.Annotated[str, p.Field(min_length=1, max_length=500)]
    """Kind of the connection, such as postgres or http."""
    description: m.Omittable[t.Annotated[str, p.Field(max_length=5000)]] = None
    host: m.Omittable[t.Annotated[str, p.Field(max_length=500)]] = None
    login: m.Omittable[t.Annotated[str, p.Field(max_length=5000)]] = None
    password: m.Omittable[t.Annotated[str, p.Field(max_length=50000)]] = None
    port: m.Omittable[t.Annotated[int, p.Field(ge=0, le=65535)]] = None
    """TCP port."""
    schema_name: m.Omittable[t.Annotated[str, p.Field(max_length=500)]] = None
    """Database or schema on the host."""
    extra: m.Omittable[t.Annotated[str, p.Field(max_length=500000)]] = None
    """Further settings as a JSON object in text form."""


class Secrets(m.WireModel):
    """Secrets that the task declared, pushed with it."""

    connections: list[Connection]
    variables: list[Variable]


GrantPattern: t.TypeAlias = t.Annotated[str, p.Field(min_length=1, max_length=250)]
"""Exact name, or a prefix followed by one asterisk."""

class Grants(m.WireModel):
    """What the code of a DAG declares to need beyond its own run."""

    connections: list[GrantPattern]
    """Connections that may be read."""
    variables: list[GrantPattern]
    """Variables that may be read."""
    write_variables: m.Omittable[list[GrantPattern]] = None
    """Variables that may be written and deleted."""
    read_dags: m.Omittable[list[GrantPattern]] = None
    """Other DAGs whose runs and XComs may be read."""
    trigger_dags: m.Omittable[list[GrantPattern]] = None
    """DAGs that may be triggered."""


ContractVersion: t.TypeAlias = t.Annotated[str, p.Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
"""A CalVer version of this contract."""

JsonValue: t.TypeAlias = m.FiniteJson
"""Any JSON value. Numbers are finite."""

class XComEntry(m.WireModel):
    """An XCom that a try leaves."""

    key: XComKey
    value: JsonValue


class XComValue(m.WireModel):
    """An XCom that was found."""

    value: JsonValue


class SetXCom(m.WireModel):
    """Write an XCom of the own task instance."""

    op_id: OperationId
    value: JsonValue


class TriggerRun(m.WireModel):
    """Ask for a run of a DAG."""

    op_id: OperationId
    run_id: m.Omittable[RunId] = None
    """Name of the run; made from the time when absent."""
    logical_date: m.Omittable[m.Timestamp] = None
    """The date that the run is about."""
    run_after: m.Omittable[m.Timestamp] = None
    """Moment from which the run may start; now when absent."""
    conf: dict[str, JsonValue]
    """Configuration that its tasks can read."""
    note: m.Omittable[t.Annotated[str, p.Field(max_length=10000)]] = None
    """Words about the run."""
    reset: bool = False
    """Whether a run of this name or logical date that exists is cleared and starts again."""


class SerializedParam(m.WireModel):
    """A parameter of a DAG's runs."""

    value: m.OmittableJson = m.UNSET
    """Default; absent for a parameter that every trigger must give."""
    json_schema: dict[str, JsonValue]
    """JSON Schema 2020-12 that the value must meet."""
    description: m.Omittable[t.Annotated[str, p.Field(max_length=10000)]] = None
    """What it is for."""


PoolName: t.TypeAlias = t.Annotated[str, p.Field(min_length=1, max_length=256)]
"""Name of a pool."""

class VersionInfo(m.WireModel):
    """One version of the contract."""

    version: ContractVersion
    released: bool
    """Released versions never change."""


class JsonWebKey(m.WireModel):
    """Public half of a signing key (RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    alg: str
    use: str


class JsonWebKeySet(m.WireModel):
    """Public keys that execution tokens are verified with (RFC 7517)."""

    keys: list[JsonWebKey]


class TaskError(m.WireModel):
    """Why a try failed."""

    type: t.Annotated[str, p.Field(min_length=1, max_length=250)]
    """Class name of the exception, or signal, or exit."""
    message: t.Annotated[str, p.Field(max_length=10000)]
    traceback: m.Omittable[t.Annotated[str, p.Field(max_length=200000)]] = None
    retryable: bool
    """False when the task said that another try is of no use."""
    retry_delay_seconds: m.Omittable[t.Annotated[float, p.Field(ge=0)]] = None
    """Pause before the next try as the task's retry policy decided it; the declared one when absent."""
    retry_reason: m.Omittable[t.Annotated[str, p.Field(max_length=1000)]] = None
    """Why the retry policy decided as it did."""


class TaskSucceeded(m.TaggedModel):
    """The try succeeded."""

    tag_property: t.ClassVar[str] = "outcome"
    outcome: t.Literal["success"] = "success"
    started: m.Omittable[Started] = None
    """What report_started says, where the worker left it out because the end came soon."""
    started_at: m.Timestamp
    """On the worker's clock."""
    ended_at: m.Timestamp
    """On the worker's clock."""
    xcoms: t.Annotated[list[XComEntry], p.Field(max_length=1000)]
    """Return values; the returned value itself has the key return_value."""
    skips: m.Omittable[t.Annotated[list[TaskId], p.Field(max_length=100000)]] = None
    """Tasks of the run that are not needed."""


class TaskFailed(m.TaggedModel):
    """The try failed."""

    tag_property: t.ClassVar[str] = "outcome"
    outcome: t.Literal["failed"] = "failed"
    started: m.Omittable[Started] = None
    """What report_started says, where the worker left it out because the end came soon."""
    started_at: m.Omittable[m.Timestamp] = None
    """On the worker's clock."""
    ended_at: m.Timestamp
    """On the worker's clock."""
    error: TaskError


class TaskSkipped(m.TaggedModel):
    """The try decided that the task is not needed."""

    tag_property: t.ClassVar[str] = "outcome"
    outcome: t.Literal["skipped"] = "skipped"
    started: m.Omittable[Started] = None
    """What report_started says, where the worker left it out because the end came soon."""
    started_at: m.Timestamp
    """On the worker's clock."""
    ended_at: m.Timestamp
    """On the worker's clock."""
    message: m.Omittable[t.Annotated[str, p.Field(max_length=10000)]] = None


class OutcomeReceipt(m.WireModel):
    """The outcome is committed."""

    dispatch_id: DispatchId
    digest: Digest
    """SHA-256 of the outcome as recorded; a repeat of the same outcome gets the same receipt."""
    recorded_at: m.Timestamp
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


class Problem(m.WireModel):
    """Why a request was refused (RFC 9457)."""

    type: t.Annotated[str, p.Field(min_length=1)]
    """URI of the kind of problem."""
    title: t.Annotated[str, p.Field(min_length=1)]
    """The reason in words."""
    status: t.Annotated[int, p.Field(ge=400, le=599)]
    """HTTP status."""
    detail: str
    """What was wrong with this request."""
    reason: ProblemReason
    field: m.Omittable[str] = None
    """Field or parameter to blame, as a dotted path."""
    action: m.Omittable[str] = None
    """What to do about it."""
    supported_versions: m.Omittable[list[ContractVersion]] = None
    """Versions on offer, when the version was refused."""
    retry_after_seconds: m.Omittable[t.Annotated[float, p.Field(ge=0)]] = None
    """When to try again."""


class WaitingForRunStart(m.TaggedModel):
    """The run has not started yet."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["waiting_for_run_start"] = "waiting_for_run_start"
    run_id: RunId


class WaitingForRunSlot(m.TaggedModel):
    """As many runs of the DAG are running as it allows."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["waiting_for_run_slot"] = "waiting_for_run_slot"
    active_runs: t.Annotated[int, p.Field(ge=0)]
    max_active_runs: t.Annotated[int, p.Field(ge=1)]


class DagPaused(m.TaggedModel):
    """The DAG is paused."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["dag_paused"] = "dag_paused"
    dag_id: DagId


class WaitingForUpstream(m.TaggedModel):
    """Upstream tasks have not ended yet."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["waiting_for_upstream"] = "waiting_for_upstream"
    upstream: t.Annotated[list[TaskId], p.Field(max_length=20)]
    """The unfinished ones, sorted; at most twenty."""
    unfinished: t.Annotated[int, p.Field(ge=1)]
    """How many are unfinished."""


class WaitingForScheduler(m.TaggedModel):
    """Everything is met; the scheduler has not looked yet."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["waiting_for_scheduler"] = "waiting_for_scheduler"
    since: m.Omittable[m.Timestamp] = None
    """When the instance last changed."""


class HandedOut(m.TaggedModel):
    """Handed to a worker or broker that has not reported a start."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["handed_out"] = "handed_out"
    executor: ExecutorName
    worker: m.Omittable[WorkerName] = None
    since: m.Timestamp
    """When it was handed out."""
    deadline: m.Omittable[m.Timestamp] = None
    """When it counts as lost."""


class Running(m.TaggedModel):
    """A worker runs it."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["running"] = "running"
    worker: WorkerName
    hostname: m.Omittable[str] = None
    pid: m.Omittable[t.Annotated[int, p.Field(ge=1)]] = None
    since: m.Timestamp
    """When it started."""


class WorkerUnreachable(m.TaggedModel):
    """Its worker is silent; it may still be running there."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["worker_unreachable"] = "worker_unreachable"
    worker: WorkerName
    since: m.Timestamp
    """When the lease ended."""
    takeover_at: m.Timestamp
    """When it counts as lost."""


class RetryBackoff(m.TaggedModel):
    """It failed and waits for its next try."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["retry_backoff"] = "retry_backoff"
    until: m.Timestamp
    """When the next try is due."""
    try_number: TryNumber
    """Number of the next try."""


class WaitingForRunAfter(m.TaggedModel):
    """The run is not due yet."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["waiting_for_run_after"] = "waiting_for_run_after"
    until: m.Timestamp
    """When it is due."""


class WaitingForPoolSlots(m.TaggedModel):
    """The pool has too few free slots."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["waiting_for_pool_slots"] = "waiting_for_pool_slots"
    pool: PoolName
    slots: t.Annotated[int, p.Field(ge=-1)]
    """Slots of the pool; -1 for any number."""
    used: t.Annotated[int, p.Field(ge=0)]
    """Slots in use."""
    needed: t.Annotated[int, p.Field(ge=1)]
    """Slots that it needs."""


class UnknownPool(m.TaggedModel):
    """The pool does not exist."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["unknown_pool"] = "unknown_pool"
    pool: PoolName


class WaitingForActiveTasks(m.TaggedModel):
    """As many task instances of the run are active as its DAG allows."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["waiting_for_active_tasks"] = "waiting_for_active_tasks"
    active: t.Annotated[int, p.Field(ge=0)]
    max_active_tasks: t.Annotated[int, p.Field(ge=1)]


class WaitingForTaskInstances(m.TaggedModel):
    """As many instances of the task are active as it allows."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["waiting_for_task_instances"] = "waiting_for_task_instances"
    active: t.Annotated[int, p.Field(ge=0)]
    limit: t.Annotated[int, p.Field(ge=1)]
    """The declared limit."""
    within_run: bool
    """Whether the limit holds for each run, or for all runs together."""


class WaitingForOldTry(m.TaggedModel):
    """An older try was stopped and is not known to have ended."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["waiting_for_old_try"] = "waiting_for_old_try"
    worker: m.Omittable[WorkerName] = None
    since: m.Timestamp
    """When it was stopped."""
    takeover_at: m.Omittable[m.Timestamp] = None
    """When it counts as ended without further sign."""


class SkippedByTask(m.TaggedModel):
    """A task decided that it is not needed."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["skipped_by_task"] = "skipped_by_task"
    task_id: TaskId
    """The task that decided."""


class OutsideOfDates(m.TaggedModel):
    """The logical date is outside of the task's start and end dates."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["outside_of_dates"] = "outside_of_dates"
    logical_date: m.Timestamp
    """The logical date of the run."""


class Hello(m.TaggedModel):
    """First frame of a connection, from the worker."""

    tag_property: t.ClassVar[str] = "frame"
    frame: t.Literal["hello"] = "hello"
    api_version: ContractVersion
    sdk_version: t.Annotated[str, p.Field(min_length=1, max_length=50)]
    language: t.Annotated[str, p.Field(min_length=1, max_length=50)]
    instance_id: InstanceId
    hostname: t.Annotated[str, p.Field(min_length=1, max_length=255)]
    pid: t.Annotated[int, p.Field(ge=1)]
    queues: t.Annotated[list[QueueName], p.Field(max_length=1000)]
    """Queues that the worker serves."""
    capacity: dict[str, t.Annotated[int, p.Field(ge=0, le=100000)]]
    """Kind of activity to how many may run at once."""
    live: t.Annotated[list[DispatchId], p.Field(max_length=100000)]
    """Dispatches that the worker has and runs."""
    spooled: t.Annotated[list[DispatchId], p.Field(max_length=100000)]
    """Dispatches whose outcome waits to be delivered."""
    ended_instances: t.Annotated[list[InstanceId], p.Field(max_length=1000)]
    """Earlier lives of this worker that are known to have ended, with everything that they ran."""


class Welcome(m.TaggedModel):
    """Answer to hello."""

    tag_property: t.ClassVar[str] = "frame"
    frame: t.Literal["welcome"] = "welcome"
    session_id: SessionId
    connection_epoch: t.Annotated[int, p.Field(ge=1)]
    """Raised by each connection of the worker; frames of an older one are refused."""
    worker: WorkerName
    lease_seconds: t.Annotated[float, p.Field(gt=0)]
    renew_every_seconds: t.Annotated[float, p.Field(gt=0)]
    max_frame_bytes: t.Annotated[int, p.Field(ge=1)]
    max_body_bytes: t.Annotated[int, p.Field(ge=1)]
    server_time: m.Timestamp
    """On the server's clock."""
    ended: list[DispatchId]
    """Announced dispatches that are not live any more; the worker kills them and drops their outcome."""


class Refused(m.TaggedModel):
    """The server refuses the connection or a frame and closes."""

    tag_property: t.ClassVar[str] = "frame"
    frame: t.Literal["refused"] = "refused"
    problem: Problem


class Cancel(m.TaggedModel):
    """The dispatch may not act any more: kill it and report it as interrupted, cause cancelled, so that its end is known."""

    tag_property: t.ClassVar[str] = "frame"
    frame: t.Literal["cancel"] = "cancel"
    dispatch_id: DispatchId
    message: t.Annotated[str, p.Field(max_length=1000)]


class Offer(m.TaggedModel):
    """The worker's capacity changed; zero stops further deliveries."""

    tag_property: t.ClassVar[str] = "frame"
    frame: t.Literal["offer"] = "offer"
    capacity: dict[str, t.Annotated[int, p.Field(ge=0, le=100000)]]
    """Kind of activity to how many may run at once."""


class Request(m.TaggedModel):
    """Call of an operation over a connection that is already open."""

    tag_property: t.ClassVar[str] = "frame"
    frame: t.Literal["request"] = "request"
    request_id: t.Annotated[int, p.Field(ge=1)]
    """Unique on the connection."""
    operation: t.Annotated[str, p.Field(min_length=1, max_length=100)]
    """Id of the operation."""
    parameters: dict[str, str]
    """Path and query parameters."""
    token: m.Omittable[t.Annotated[str, p.Field(min_length=1, max_length=4096)]] = None
    """Execution token, for operations that act for an activity."""
    body: m.OmittableJson = m.UNSET
    """Body of a JSON operation."""
    text: m.Omittable[str] = None
    """Body of an operation with another media type."""


class Response(m.TaggedModel):
    """Answer to a request; a refusal has a problem as its body."""

    tag_property: t.ClassVar[str] = "frame"
    frame: t.Literal["response"] = "response"
    request_id: t.Annotated[int, p.Field(ge=1)]
    status: t.Annotated[int, p.Field(ge=100, le=599)]
    """As the HTTP status of the operation."""
    body: m.OmittableJson = m.UNSET


WorkerFrame: t.TypeAlias = t.Annotated[Hello | Request | Offer, p.Field(discriminator="frame")]
"""Frame from a worker."""

class Tail(m.TaggedModel):
    """Somebody reads along: send the log of this dispatch as it comes, for a while."""

    tag_property: t.ClassVar[str] = "frame"
    frame: t.Literal["tail"] = "tail"
    dispatch_id: DispatchId
    seconds: t.Annotated[float, p.Field(gt=0)]
    """How long; repeated as long as somebody looks."""


class Drain(m.TaggedModel):
    """Take no more work, and stop when what runs has ended."""

    tag_property: t.ClassVar[str] = "frame"
    frame: t.Literal["drain"] = "drain"
    message: t.Annotated[str, p.Field(max_length=1000)]
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


class Ended(m.TaggedModel):
    """It is final and waits for nothing."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["ended"] = "ended"
    state: TaskInstanceState
    error: m.Omittable[str] = None
    """Message of the last error."""


class WaitingForPast(m.TaggedModel):
    """The run before has not ended well for this task."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["waiting_for_past"] = "waiting_for_past"
    run_id: RunId
    """The run before."""
    task_id: TaskId
    """The task there that is in the way."""
    state: TaskInstanceState


class Marked(m.TaggedModel):
    """Somebody set its state by hand."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["marked"] = "marked"
    state: TaskInstanceState
    user: m.Omittable[t.Annotated[str, p.Field(max_length=250)]] = None
    """Name of the credential."""
    at: m.Timestamp
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


class RunSummary(m.WireModel):
    """A run, as other runs see it."""

    dag_id: DagId
    run_id: RunId
    run_type: DagRunType
    state: DagRunState
    run_after: m.Timestamp
    """Moment from which it may start."""
    logical_date: m.Omittable[m.Timestamp] = None
    """The date that it is about."""
    data_interval_start: m.Omittable[m.Timestamp] = None
    """Start of the data interval."""
    data_interval_end: m.Omittable[m.Timestamp] = None
    """End of the data interval."""
    start_date: m.Omittable[m.Timestamp] = None
    """Moment when it started."""
    end_date: m.Omittable[m.Timestamp] = None
    """Moment when it ended."""


class ActivityKind(enum.StrEnum):
    """Kind of work that is handed out."""

    EXECUTE_TASK = "execute_task"
    PARSE_DAG_FILE = "parse_dag_file"


class Envelope(m.WireModel):
    """All that travels through a broker: no secret and nothing that grants more than one start."""

    contract: ContractVersion
    api_url: t.Annotated[str, p.Field(min_length=1, max_length=2000)]
    """Base URL of the API server."""
    kind: ActivityKind
    dispatch_id: DispatchId
    ticket: t.Annotated[str, p.Field(min_length=43, max_length=43, pattern="^[A-Za-z0-9_-]{43}$")]
    """256 random bits, base64url without padding."""


class VersionList(m.WireModel):
    """Versions and limits on offer; needs no credential."""

    versions: t.Annotated[list[VersionInfo], p.Field(min_length=1)]
    newest: ContractVersion
    server_version: str
    server_time: m.Timestamp
    """On the server's clock."""
    kinds: list[ActivityKind]
    """Kinds of activity that this server hands out."""
    max_frame_bytes: t.Annotated[int, p.Field(ge=1)]
    max_body_bytes: t.Annotated[int, p.Field(ge=1)]


class NoWorkerForQueue(m.TaggedModel):
    """No connected worker serves the queue."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["no_worker_for_queue"] = "no_worker_for_queue"
    queue: QueueName
    kind: ActivityKind


class WaitingForCapacity(m.TaggedModel):
    """All workers of the queue are busy."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["waiting_for_capacity"] = "waiting_for_capacity"
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


class UpstreamNotMet(m.TaggedModel):
    """It will not run because of its upstream tasks."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["upstream_not_met"] = "upstream_not_met"
    upstream: t.Annotated[list[TaskId], p.Field(max_length=20)]
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


class LogRecord(m.WireModel):
    """One line of a task's log."""

    timestamp: m.Timestamp
    """When it was written."""
    source: LogSource
    level: LogLevel
    message: str
    logger: m.Omittable[str] = None
    """Name of the logger."""


class InterruptCause(enum.StrEnum):
    """Why a worker ended an activity that was not at fault."""

    WORKER_STOPPING = "worker_stopping"
    WORKER_FAILURE = "worker_failure"
    LEASE_CUT = "lease_cut"
    CANCELLED = "cancelled"


class ActivityInterrupted(m.TaggedModel):
    """The worker ended the activity for a reason that is not the activity's own; it is handed out again and counts as no failure."""

    tag_property: t.ClassVar[str] = "outcome"
    outcome: t.Literal["interrupted"] = "interrupted"
    started: m.Omittable[Started] = None
    """What report_started says, where the worker left it out because the end came soon."""
    ended_at: m.Timestamp
    """On the worker's clock."""
    cause: InterruptCause
    message: m.Omittable[t.Annotated[str, p.Field(max_length=10000)]] = None


class WeightRule(enum.StrEnum):
    """How the effective priority of a task follows from its weight and those of its neighbours."""

    DOWNSTREAM = "downstream"
    UPSTREAM = "upstream"
    ABSOLUTE = "absolute"


class SerializedTask(m.WireModel):
    """One task of a DAG, without its code."""

    task_id: TaskId
    operator: t.Annotated[str, p.Field(min_length=1, max_length=250)]
    """Class name of the operator."""
    operator_module: t.Annotated[str, p.Field(min_length=1, max_length=500)]
    """Import path of the module of the operator."""
    operator_name: m.Omittable[t.Annotated[str, p.Field(min_length=1, max_length=250)]] = None
    """What people call the operator, if that is not its class: @task or @task.bash."""
    upstream: list[TaskId]
    """Tasks that this one waits for, sorted."""
    trigger_rule: TriggerRule
    retries: t.Annotated[int, p.Field(ge=0, le=1000)]
    """Further tries after a failed one."""
    retry_delay_seconds: t.Annotated[float, p.Field(ge=0)]
    """Pause between a failed try and the next."""
    queue: QueueName
    executor: m.Omittable[ExecutorName] = None
    """Executor that hands this task out; the deployment's default when absent."""
    isolation: Isolation
    on_cut: OnCut
    takeover_after_seconds: m.Omittable[t.Annotated[float, p.Field(gt=0)]] = None
    """Silence of its worker after which a try counts as lost; the deployment's default when absent."""
    grants: m.Omittable[Grants] = None
    """What this task declares in addition to its DAG."""
    owner: t.Annotated[str, p.Field(min_length=1, max_length=500)]
    """Who answers for the task."""
    doc_md: m.Omittable[t.Annotated[str, p.Field(max_length=100000)]] = None
    """Documentation in Markdown."""
    display_name: m.Omittable[t.Annotated[str, p.Field(min_length=1, max_length=500)]] = None
    """Name for people; the task id when absent."""
    task_group: m.Omittable[TaskId] = None
    """Innermost task group that holds the task."""
    retry_backoff: t.Annotated[float, p.Field(ge=1, le=1000)] = 1
    """Factor by which the pause grows with each failure; 1 for a fixed pause."""
    max_retry_delay_seconds: m.Omittable[t.Annotated[float, p.Field(ge=0)]] = None
    """Longest pause between a failed try and the next."""
    execution_timeout_seconds: m.Omittable[t.Annotated[float, p.Field(gt=0)]] = None
    """Time after which a try is stopped and fails."""
    depends_on_past: bool = False
    """Whether the same task of the run before must have ended in success or skipped."""
    ignore_first_depends_on_past: bool = True
    """Whether a first run may go ahead without a run before it."""
    wait_for_past_depends_before_skipping: bool = False
    """Whether even skipping it waits for the run before."""
    wait_for_downstream: bool = False
    """Whether the tasks right downstream of it in the run before must have ended well, too."""
    priority_weight: t.Annotated[int, p.Field(ge=-2147483648, le=2147483647)] = 1
    """Own weight; what is claimed first follows from the weight rule."""
    weight_rule: m.Omittable[WeightRule] = None
    """How the effective priority follows; downstream when absent."""
    pool: m.Omittable[PoolName] = None
    """Pool whose slots it needs; default_pool when absent."""
    pool_slots: t.Annotated[int, p.Field(ge=1, le=1000000)] = 1
    """Slots that it needs."""
    max_active_tis_per_dag: m.Omittable[t.Annotated[int, p.Field(ge=1, le=1000000)]] = None
    """Instances of the task that may be active at once over all runs."""
    max_active_tis_per_dagrun: m.Omittable[t.Annotated[int, p.Field(ge=1, le=1000000)]] = None
    """Instances of the task that may be active at once in one run."""
    is_setup: bool = False
    """Whether it is a setup task."""
    is_teardown: bool = False
    """Whether it is a teardown task."""
    on_failure_fail_dagrun: bool = False
    """Whether a failed teardown fails its run."""
    run_as_user: m.Omittable[t.Annotated[str, p.Field(min_length=1, max_length=255)]] = None
    """Operating-system user that its code runs as."""
    start_date: m.Omittable[m.Timestamp] = None
    """First logical date that the task is for."""
    end_date: m.Omittable[m.Timestamp] = None
    """Last logical date that the task is for."""
    doc: m.Omittable[t.Annotated[str, p.Field(max_length=100000)]] = None
    """Documentation in plain text."""
    doc_json: m.Omittable[t.Annotated[str, p.Field(max_length=100000)]] = None
    """Documentation in JSON."""
    doc_yaml: m.Omittable[t.Annotated[str, p.Field(max_length=100000)]] = None
    """Documentation in YAML."""
    doc_rst: m.Omittable[t.Annotated[str, p.Field(max_length=100000)]] = None
    """Documentation in reStructuredText."""


class SerializedDag(m.WireModel):
    """One DAG as declared in its file."""

    dag_id: DagId
    description: m.Omittable[t.Annotated[str, p.Field(max_length=5000)]] = None
    """One line about the DAG."""
    doc_md: m.Omittable[t.Annotated[str, p.Field(max_length=100000)]] = None
    """Documentation in Markdown."""
    tags: list[t.Annotated[str, p.Field(min_length=1, max_length=100)]]
    """Labels for searching, sorted."""
    line: m.Omittable[t.Annotated[int, p.Field(ge=1)]] = None
    """Line of the file where the DAG is declared."""
    max_active_runs: t.Annotated[int, p.Field(ge=1, le=100000)]
    """Runs of this DAG that may be running at once."""
    grants: m.Omittable[Grants] = None
    """What all tasks of the DAG declare."""
    tasks: t.Annotated[list[SerializedTask], p.Field(max_length=100000)]
    """Tasks in topological order."""
    edge_labels: m.Omittable[list[EdgeLabel]] = None
    """Labels of edges, sorted by upstream and downstream."""
    display_name: m.Omittable[t.Annotated[str, p.Field(min_length=1, max_length=500)]] = None
    """Name for people; the DAG id when absent."""
    timetable: m.Omittable[Timetable] = None
    """When runs come due; absent for a DAG that is only triggered."""
    start_date: m.Omittable[m.Timestamp] = None
    """Runs are scheduled for moments from here on."""
    end_date: m.Omittable[m.Timestamp] = None
    """Runs are scheduled for moments up to here."""
    timezone: m.Omittable[t.Annotated[str, p.Field(min_length=1, max_length=100)]] = None
    """Name in the IANA time zone database."""
    catchup: bool = False
    """Whether moments that passed unscheduled have runs, too."""
    max_active_tasks: m.Omittable[t.Annotated[int, p.Field(ge=1, le=1000000)]] = None
    """Task instances that may be active at once in one run."""
    max_consecutive_failed_dag_runs: t.Annotated[int, p.Field(ge=0, le=100000)] = 0
    """Failed runs in a row after which the DAG is paused; 0 for never."""
    dagrun_timeout_seconds: m.Omittable[t.Annotated[float, p.Field(gt=0)]] = None
    """Time after which a run is ended as failed."""
    fail_fast: bool = False
    """Whether the first failed task ends the run."""
    paused_upon_creation: m.Omittable[bool] = None
    """Whether the DAG is paused when it is first seen; the deployment's default when absent."""
    params: m.Omittable[dict[str, SerializedParam]] = None
    """Parameters by name."""
    task_groups: m.Omittable[t.Annotated[list[SerializedTaskGroup], p.Field(max_length=100000)]] = None
    """Groups, outer ones first."""
    owner_links: m.Omittable[dict[str, t.Annotated[str, p.Field(max_length=2000)]]] = None
    """Owner to URL."""


class FileParsed(m.TaggedModel):
    """The parse ended."""

    tag_property: t.ClassVar[str] = "outcome"
    outcome: t.Literal["parsed"] = "parsed"
    started: m.Omittable[Started] = None
    """What report_started says, where the worker left it out because the end came soon."""
    ended_at: m.Timestamp
    """On the worker's clock."""
    duration_seconds: t.Annotated[float, p.Field(ge=0)]
    """Time of the import and the serialization."""
    code_id: Digest
    """SHA-256 over the sorted lines `path NUL digest LF` of files_read."""
    files_read: dict[str, Digest]
    """Bundle files that the import read, the DAG file among them: path to SHA-256."""
    dags: t.Annotated[list[SerializedDag], p.Field(max_length=10000)]
    error: m.Omittable[DagImportError] = None


Outcome: t.TypeAlias = t.Annotated[TaskSucceeded | TaskFailed | TaskSkipped | ActivityInterrupted | FileParsed, p.Field(discriminator="outcome")]
"""How an activity ended."""

class Result(m.TaggedModel):
    """Last frame from the child: how it ended."""

    tag_property: t.ClassVar[str] = "frame"
    frame: t.Literal["result"] = "result"
    outcome: Outcome


ChildFrame: t.TypeAlias = t.Annotated[Request | Mask | Result, p.Field(discriminator="frame")]
"""Frame from the child. Its requests carry no token: the supervisor adds it."""

class RunEndCause(enum.StrEnum):
    """Why a run ended before its tasks did."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    FAILED_FAST = "failed_fast"


class RunEnded(m.TaggedModel):
    """Its run ended before it."""

    tag_property: t.ClassVar[str] = "reason"
    reason: t.Literal["run_ended"] = "run_ended"
    cause: RunEndCause
    task_id: m.Omittable[TaskId] = None
    """The task whose failure ended the run."""


Reason: t.TypeAlias = t.Annotated[WaitingForRunStart | WaitingForRunSlot | DagPaused | WaitingForUpstream | WaitingForScheduler | NoWorkerForQueue | WaitingForCapacity | HandedOut | Running | WorkerUnreachable | RetryBackoff | UpstreamNotMet | Ended | WaitingForRunAfter | WaitingForPoolSlots | UnknownPool | WaitingForActiveTasks | WaitingForTaskInstances | WaitingForPast | WaitingForOldTry | SkippedByTask | OutsideOfDates | RunEnded | Marked, p.Field(discriminator="reason")]
"""Why a task instance or run is where it is."""

class TriggeredBy(enum.StrEnum):
    """Who asked for a run."""

    REST_API = "rest_api"
    OPERATOR = "operator"
    TIMETABLE = "timetable"
    TEST = "test"


class DagRunContext(m.WireModel):
    """The run as its tasks see it."""

    dag_id: DagId
    run_id: RunId
    run_type: DagRunType
    logical_date: m.Omittable[m.Timestamp] = None
    """The date that the run is about."""
    data_interval_start: m.Omittable[m.Timestamp] = None
    """Start of the data interval."""
    data_interval_end: m.Omittable[m.Timestamp] = None
    """End of the data interval."""
    run_after: m.Timestamp
    """Moment from which the run may start."""
    start_date: m.Omittable[m.Timestamp] = None
    """Moment when the run started."""
    conf: dict[str, JsonValue]
    """Configuration given when the run was triggered."""
    dag_version: t.Annotated[int, p.Field(ge=1)]
    """Number of the DAG version that the run is pinned to."""
    triggering_user: m.Omittable[t.Annotated[str, p.Field(max_length=250)]] = None
    """Name of the credential that triggered the run."""
    next_run_after: m.Omittable[m.Timestamp] = None
    """Moment when the next scheduled run is due, if the DAG has a timetable."""
    note: m.Omittable[t.Annotated[str, p.Field(max_length=10000)]] = None
    """Words of whoever triggered or annotated the run."""
    triggered_by: m.Omittable[TriggeredBy] = None


class ExecuteTask(m.TaggedModel):
    """Run one try of a task instance."""

    tag_property: t.ClassVar[str] = "kind"
    kind: t.Literal["execute_task"] = "execute_task"
    task_try: TaskTryReference
    dag_run: DagRunContext
    code: CodeReference
    max_tries: t.Annotated[int, p.Field(ge=1)]
    """Tries that the task instance may have without counting lost ones."""
    isolation: Isolation
    on_cut: OnCut
    execution_timeout_seconds: m.Omittable[t.Annotated[float, p.Field(gt=0)]] = None
    """Time after which the try is stopped and fails."""
    run_as_user: m.Omittable[t.Annotated[str, p.Field(min_length=1, max_length=255)]] = None
    """Operating-system user that its code runs as."""


Activity: t.TypeAlias = t.Annotated[ExecuteTask | ParseDagFile, p.Field(discriminator="kind")]
"""Work that is handed out."""

class Delivery(m.WireModel):
    """An activity with everything that a worker needs to run it."""

    dispatch_id: DispatchId
    activity: Activity
    token: t.Annotated[str, p.Field(min_length=1, max_length=4096)]
    """Execution token of the activity."""
    token_expires_at: m.Timestamp
    """Expiry of the token."""
    takeover_after_seconds: t.Annotated[float, p.Field(gt=0)]
    """Silence of the worker after which the dispatch may be taken over."""
    secrets: Secrets
    contract: ContractVersion


class Assignment(m.TaggedModel):
    """First frame to the child: what it is to do."""

    tag_property: t.ClassVar[str] = "frame"
    frame: t.Literal["assignment"] = "assignment"
    dispatch_id: DispatchId
    activity: Activity
    secrets: Secrets
    snapshot_directory: t.Annotated[str, p.Field(min_length=1)]
    """Directory that holds the files of the snapshot."""
    xcom_backend: m.Omittable[t.Annotated[str, p.Field(pattern="^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*$")]] = None
    """Class that turns values into XComs and back, as module:Class."""
    xcom_classes: m.Omittable[list[t.Annotated[str, p.Field(min_length=1)]]] = None
    """Classes that XComs may be turned into, beside the built-in ones: names with their modules, in which * stands for anything."""


SupervisorFrame: t.TypeAlias = t.Annotated[Assignment | Response, p.Field(discriminator="frame")]
"""Frame to the child."""

class Deliver(m.TaggedModel):
    """Push of an activity."""

    tag_property: t.ClassVar[str] = "frame"
    frame: t.Literal["deliver"] = "deliver"
    delivery: Delivery


ServerFrame: t.TypeAlias = t.Annotated[Welcome | Refused | Deliver | Cancel | Response | Tail | Drain, p.Field(discriminator="frame")]
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

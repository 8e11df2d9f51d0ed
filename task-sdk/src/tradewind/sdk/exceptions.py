"""Every exception that a DAG author can meet or raise; each has its Airflow name too.

Which one is a case of which::

    TradewindException
    ├── TradewindSkipException          raise it: the task ends as skipped
    ├── TradewindFailException          raise it: the task fails, and no further try is made
    ├── TradewindNotFoundException      something that was asked for does not exist
    │   ├── VariableNotFound            a TradewindRuntimeError, too
    │   ├── ConnectionNotFound
    │   ├── XComNotFound
    │   ├── DagNotFound
    │   └── DagRunNotFound
    ├── DagRunAlreadyExists
    ├── DownstreamTasksSkipped          raise it: the task succeeds, and these tasks are skipped
    ├── TradewindBadRequest             a call or an argument makes no sense
    ├── TradewindConfigException        a setting is missing or wrong
    ├── TradewindSensorTimeout          what a task waited for did not come in time
    ├── TradewindOptionalProviderFeatureException
    ├── SerializationError
    ├── TradewindRuntimeError           a call to the control plane was refused
    │   └── ServerUnreachable
    ├── OutsideTaskError                something that only works in a running task
    ├── XComNotSerializableError        a value cannot be an XCom
    ├── XComNotReadableError            an XCom stands for a value that cannot or may not be rebuilt here
    ├── UnsupportedFeatureError         known in Airflow, not in this version
    └── DagAuthoringError               a DAG file says something that cannot be
        ├── UnsupportedArgumentError    known in Airflow, not in this version
        ├── UnknownArgumentError
        ├── DuplicateTaskIdFound
        ├── TaskAlreadyInTaskGroup
        ├── ParamValidationError        a value does not meet the schema of its param, in a task also
        ├── TimetableInvalid
        ├── FailFastDagInvalidTriggerRule
        ├── TaskNotFound
        ├── DagDuplicatedIdException
        └── DagCycleException
    DagFileTimeout (BaseException)      the import of a DAG file takes too long
    TaskTerminated (BaseException)      the process of the task was asked to end
    TradewindTaskTimeout (BaseException)  the task ran longer than its execution_timeout
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class TradewindException(Exception):
    """Base of what Tradewind raises. A task that raises it fails and is tried again while it has retries left."""


class TradewindSkipException(TradewindException):
    """Raise it in a task to end it as skipped."""


class TradewindFailException(TradewindException):
    """Raise it in a task to fail it at once, whatever retries it has left."""


class TradewindNotFoundException(TradewindException):
    """Something that was asked for does not exist."""


class TradewindRuntimeError(TradewindException):
    """A call to the control plane was refused or could not be answered."""


class VariableNotFound(TradewindNotFoundException, TradewindRuntimeError, KeyError):
    """No variable has this key, and no default was given. What Airflow 2 and 3 raise are both among its bases."""

    def __str__(self) -> str:
        """The sentence itself; a KeyError would show its quoted form."""
        return Exception.__str__(self)


class ConnectionNotFound(TradewindNotFoundException):
    """No connection has this id."""


class XComNotFound(TradewindNotFoundException):
    """A task argument refers to an XCom that its task did not leave."""


class DagNotFound(TradewindNotFoundException):
    """There is no DAG of this id."""


class DagRunNotFound(TradewindNotFoundException):
    """The DAG has no run of this id."""


class DagRunAlreadyExists(TradewindException):
    """The DAG has a run of this id or logical date already."""


class DownstreamTasksSkipped(TradewindException):
    """Raise it in a task to end it as succeeded and to skip other tasks of its run.

    Args:
        tasks: the ids of the tasks; a pair of id and map index stands for the task, too.
    """

    def __init__(self, *, tasks: Sequence[str | tuple[str, int]]) -> None:
        super().__init__(f"Skipping tasks: {tasks!r}")
        self.tasks = tasks


class TradewindBadRequest(TradewindException):
    """A call or an argument makes no sense."""


class TradewindConfigException(TradewindException):
    """A setting is missing or wrong."""


class TradewindSensorTimeout(TradewindException):
    """What a task waited for did not come in time."""


class TradewindOptionalProviderFeatureException(TradewindException):
    """A feature needs a package that is not installed."""


class SerializationError(TradewindException):
    """A value cannot be written down."""


class ServerUnreachable(TradewindRuntimeError):
    """No answer came from the server; whether it acted on the call is unknown."""


class OutsideTaskError(TradewindException, RuntimeError):
    """Something that belongs to a running task was used where no task runs."""


class XComNotSerializableError(TradewindException, TypeError):
    """A value cannot be an XCom: it has no form in JSON, or it is too large."""


class XComNotReadableError(TradewindException):
    """An XCom stands for a value that this process cannot or may not rebuild."""


class UnsupportedFeatureError(TradewindException, NotImplementedError):
    """A feature of Airflow that this version of Tradewind does not have yet."""


class DagAuthoringError(TradewindException):
    """A DAG file says something that cannot be.

    Attributes:
        fileloc: file of the DAG to blame; None when the traceback says where.
        line: line of its declaration in that file.
    """

    fileloc: str | None = None
    line: int | None = None

    def at(self, fileloc: str | None, line: int | None) -> DagAuthoringError:
        """This error, with the declaration that is to blame."""
        self.fileloc, self.line = fileloc, line
        return self


class UnsupportedArgumentError(DagAuthoringError, UnsupportedFeatureError):
    """An argument that Airflow knows and this version of Tradewind does not support yet."""


class UnknownArgumentError(DagAuthoringError, TypeError):
    """An argument that no DAG or operator of this kind has."""


class DuplicateTaskIdFound(DagAuthoringError):
    """Two tasks of one DAG have the same id."""


class TaskAlreadyInTaskGroup(DagAuthoringError):
    """A task cannot join a second task group."""


class ParamValidationError(DagAuthoringError, ValueError):
    """A param has no value, or one that does not meet its schema."""


class TimetableInvalid(DagAuthoringError):
    """A schedule says something that cannot be."""


class FailFastDagInvalidTriggerRule(DagAuthoringError):
    """A task of a DAG with `fail_fast` has a trigger rule that lets it run after failures."""


class TaskNotFound(DagAuthoringError):
    """The DAG has no task with this id."""


class DagDuplicatedIdException(DagAuthoringError):
    """Two DAGs of one file have the same id."""


class DagCycleException(DagAuthoringError):
    """Tasks of a DAG wait for each other in a circle."""


class DagFileTimeout(BaseException):
    """The import of a DAG file takes longer than it may; no `except Exception` of the file stops it."""


class TaskTerminated(BaseException):
    """The process of the task got SIGTERM; no `except Exception` of the task stops it."""


class TradewindTaskTimeout(BaseException):
    """The task ran longer than its `execution_timeout`; no `except Exception` of the task stops it."""


class RemovedInAirflow4Warning(DeprecationWarning):
    """Something that the next major version of Airflow does not have."""


class AirflowProviderDeprecationWarning(DeprecationWarning):
    """Something that a future version of an operator's package does not have."""


AirflowException = TradewindException
AirflowBadRequest = TradewindBadRequest
AirflowConfigException = TradewindConfigException
AirflowSkipException = TradewindSkipException
AirflowFailException = TradewindFailException
AirflowNotFoundException = TradewindNotFoundException
AirflowRuntimeError = TradewindRuntimeError
AirflowDagCycleException = DagCycleException
AirflowDagDuplicatedIdException = DagDuplicatedIdException
AirflowOptionalProviderFeatureException = TradewindOptionalProviderFeatureException
AirflowSensorTimeout = TradewindSensorTimeout
AirflowTaskTerminated = TaskTerminated
AirflowTaskTimeout = TradewindTaskTimeout
AirflowTimetableInvalid = TimetableInvalid

__all__ = [
    "AirflowBadRequest",
    "AirflowConfigException",
    "AirflowDagCycleException",
    "AirflowDagDuplicatedIdException",
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowOptionalProviderFeatureException",
    "AirflowProviderDeprecationWarning",
    "AirflowRuntimeError",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTerminated",
    "AirflowTaskTimeout",
    "AirflowTimetableInvalid",
    "ConnectionNotFound",
    "DagAuthoringError",
    "DagCycleException",
    "DagDuplicatedIdException",
    "DagFileTimeout",
    "DagNotFound",
    "DagRunAlreadyExists",
    "DagRunNotFound",
    "DownstreamTasksSkipped",
    "DuplicateTaskIdFound",
    "FailFastDagInvalidTriggerRule",
    "OutsideTaskError",
    "ParamValidationError",
    "RemovedInAirflow4Warning",
    "SerializationError",
    "ServerUnreachable",
    "TaskAlreadyInTaskGroup",
    "TaskNotFound",
    "TaskTerminated",
    "TimetableInvalid",
    "TradewindBadRequest",
    "TradewindConfigException",
    "TradewindException",
    "TradewindFailException",
    "TradewindNotFoundException",
    "TradewindOptionalProviderFeatureException",
    "TradewindRuntimeError",
    "TradewindSensorTimeout",
    "TradewindSkipException",
    "TradewindTaskTimeout",
    "UnknownArgumentError",
    "UnsupportedArgumentError",
    "UnsupportedFeatureError",
    "VariableNotFound",
    "XComNotFound",
    "XComNotReadableError",
    "XComNotSerializableError",
]

_LATER = {
    "AirflowInactiveAssetInInletOrOutletException": "assets",
    "AirflowRescheduleException": "sensors",
    "DagRunTriggerException": "runs triggered by raising; TriggerDagRunOperator triggers them",
    "NotMapped": "mapped tasks",
    "TaskAwaitingInput": "human in the loop",
    "TaskDeferralError": "deferrable tasks",
    "TaskDeferralTimeout": "deferrable tasks",
    "TaskDeferred": "deferrable tasks",
    "UnmappableXComTypePushed": "mapped tasks",
    "XComForMappingNotPushed": "mapped tasks",
}

_OF_AIRFLOWS_SERVER = frozenset(
    {
        "AirflowClearRunningTaskException",
        "AirflowClusterPolicyError",
        "AirflowClusterPolicySkipDag",
        "AirflowClusterPolicyViolation",
        "AirflowFileParseException",
        "AirflowInternalRuntimeError",
        "AirflowSecretsBackendAccessDenied",
        "AirflowUnsupportedFileTypeException",
        "ConnectionNotUnique",
        "DagCodeNotFound",
        "DagNotPartitionedError",
        "DagRunTypeNotAllowed",
        "DeserializationError",
        "DeserializingResultError",
        "ErrorType",
        "FileSyntaxError",
        "InvalidPartitionKeyError",
        "InvalidStatsNameException",
        "NodeNotFound",
        "PodMutationHookException",
        "PodReconciliationError",
        "PoolNotFound",
        "TaskAlreadyRunningError",
        "TaskInstanceNotFound",
        "UnknownExecutorException",
        "VariableNotUnique",
    }
)


def __getattr__(name: str) -> Any:
    """Refuse a name of Airflow that stands for something that is not there.

    Raises:
        ImportError: Airflow has the name, this version has not.
        AttributeError: there is no such name.
    """
    if feature := _LATER.get(name):
        raise ImportError(
            f"{name} is known in airflow.exceptions, but this version of Tradewind does not support it yet ({feature})."
        )
    if name in _OF_AIRFLOWS_SERVER:
        raise ImportError(
            f"{name} is known in airflow.exceptions, but nothing that a DAG file calls here raises it. Remove it."
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Every exception that a DAG author can meet or raise; each has its Airflow name too.

TradewindException
├── TradewindSkipException          raise it: the task ends as skipped
├── TradewindFailException          raise it: the task fails, and no further try is made
├── TradewindNotFoundException      something that was asked for does not exist
│   ├── VariableNotFound
│   ├── ConnectionNotFound
│   └── XComNotFound
├── TradewindRuntimeError           a call to the control plane was refused
│   └── ServerUnreachable
├── OutsideTaskError                something that only works in a running task
├── XComNotSerializableError
├── UnsupportedFeatureError         known in Airflow, not in this version
└── DagAuthoringError               a DAG file says something that cannot be
    ├── UnsupportedArgumentError    known in Airflow, not in this version
    ├── UnknownArgumentError
    ├── DuplicateTaskIdFound
    ├── TaskNotFound
    ├── DagDuplicatedIdException
    └── DagCycleException
DagFileTimeout (BaseException)      the import of a DAG file takes too long
TaskTerminated (BaseException)      the process of the task was asked to end
"""

from __future__ import annotations


class TradewindException(Exception):
    """Base of what Tradewind raises. A task that raises it fails and is tried again while it has retries left."""


class TradewindSkipException(TradewindException):
    """Raise it in a task to end it as skipped."""


class TradewindFailException(TradewindException):
    """Raise it in a task to fail it at once, whatever retries it has left."""


class TradewindNotFoundException(TradewindException):
    """Something that was asked for does not exist."""


class VariableNotFound(TradewindNotFoundException, KeyError):
    """No variable has this key, and no default was given."""

    def __str__(self) -> str:
        """The sentence itself; a KeyError would show its quoted form."""
        return Exception.__str__(self)


class ConnectionNotFound(TradewindNotFoundException):
    """No connection has this id."""


class XComNotFound(TradewindNotFoundException):
    """A task argument refers to an XCom that its task did not leave."""


class TradewindRuntimeError(TradewindException):
    """A call to the control plane was refused or could not be answered."""


class ServerUnreachable(TradewindRuntimeError):
    """No answer came from the server; whether it acted on the call is unknown."""


class OutsideTaskError(TradewindException, RuntimeError):
    """Something that belongs to a running task was used where no task runs."""


class XComNotSerializableError(TradewindException, TypeError):
    """A value cannot be an XCom: it is not JSON, or it is too large."""


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


AirflowException = TradewindException
AirflowSkipException = TradewindSkipException
AirflowFailException = TradewindFailException
AirflowNotFoundException = TradewindNotFoundException
AirflowRuntimeError = TradewindRuntimeError
AirflowDagCycleException = DagCycleException
AirflowDagDuplicatedIdException = DagDuplicatedIdException
AirflowTaskTerminated = TaskTerminated

__all__ = [
    "AirflowDagCycleException",
    "AirflowDagDuplicatedIdException",
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowRuntimeError",
    "AirflowSkipException",
    "AirflowTaskTerminated",
    "ConnectionNotFound",
    "DagAuthoringError",
    "DagCycleException",
    "DagDuplicatedIdException",
    "DagFileTimeout",
    "DuplicateTaskIdFound",
    "OutsideTaskError",
    "ServerUnreachable",
    "TaskNotFound",
    "TaskTerminated",
    "TradewindException",
    "TradewindFailException",
    "TradewindNotFoundException",
    "TradewindRuntimeError",
    "TradewindSkipException",
    "UnknownArgumentError",
    "UnsupportedArgumentError",
    "UnsupportedFeatureError",
    "VariableNotFound",
    "XComNotFound",
    "XComNotSerializableError",
]

"""What runs in the process that holds user code: one activity, from its assignment to its outcome."""

from tradewind.sdk.parsing.loading import DagFileError, LoadedFile, load_dag_file
from tradewind.sdk.runtime.activity import run_activity
from tradewind.sdk.runtime.shared_import import ImportNeedsTry, load_for_many
from tradewind.sdk.runtime.task_execution import copy_ahead
from tradewind.sdk.runtime.task_log import make_log_ready

__all__ = [
    "DagFileError",
    "copy_ahead",
    "ImportNeedsTry",
    "LoadedFile",
    "load_dag_file",
    "load_for_many",
    "make_log_ready",
    "run_activity",
]

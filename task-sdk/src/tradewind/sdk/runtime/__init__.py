"""What runs in the process that holds user code: one activity, from its assignment to its outcome."""

from tradewind.sdk.parsing.loading import DagFileError, LoadedFile, load_dag_file
from tradewind.sdk.runtime.activity import run_activity

__all__ = ["DagFileError", "LoadedFile", "load_dag_file", "run_activity"]

"""What runs in the process that holds user code: one activity, from its assignment to its outcome."""

from tradewind.sdk.parsing.loading import DagFileError, LoadedFile, load_dag_file
from tradewind.sdk.runtime.activity import run_activity
from tradewind.sdk.runtime.shared_import import ImportNeedsTry, load_for_many

__all__ = ["DagFileError", "ImportNeedsTry", "LoadedFile", "load_dag_file", "load_for_many", "run_activity"]

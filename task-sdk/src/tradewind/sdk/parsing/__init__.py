"""From a DAG file to what it declares, or to the place that is to blame."""

from tradewind.sdk.parsing.loading import DagFileError, LoadedFile, load_dag_file
from tradewind.sdk.parsing.parse import parse_file

__all__ = ["DagFileError", "LoadedFile", "load_dag_file", "parse_file"]

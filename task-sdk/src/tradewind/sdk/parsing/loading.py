"""Imports a DAG file for the processes that will run its tasks; the bundle stays importable for them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tradewind.sdk.authoring.dag import DAG
from tradewind.sdk.authoring.dag_context import collected_dags
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.contract import DagImportError
from tradewind.sdk.exceptions import TradewindException
from tradewind.sdk.parsing.blame import import_error
from tradewind.sdk.parsing.bundle_import import import_dag_file, keep_bundle_on_path
from tradewind.sdk.parsing.collection import dags_of


class DagFileError(TradewindException):
    """A DAG file cannot be imported.

    Args:
        error: what is to blame.
    """

    def __init__(self, error: DagImportError) -> None:
        place = f"{error.file}, line {error.line}" if error.line else error.file
        super().__init__(f"{place}: {error.type}: {error.message}")
        self.error = error


@dataclass(frozen=True)
class LoadedFile:
    """An imported DAG file.

    Args:
        directory: absolute path of the snapshot that it came from.
        file: its path below that directory.
        dags: its DAGs by id.
    """

    directory: str
    file: str
    dags: dict[str, DAG]

    def task(self, dag_id: str, task_id: str) -> BaseOperator:
        """A task of the file.

        Raises:
            TradewindException: the file has no such DAG.
            TaskNotFound: the DAG has no such task.
        """
        if dag_id not in self.dags:
            raise TradewindException(
                f"{self.file} declares no DAG {dag_id!r} on this worker. A DAG file has to declare the same DAGs and "
                "tasks wherever it is imported."
            )
        return self.dags[dag_id].get_task(task_id)


def load_dag_file(snapshot_directory: str | Path, file: str) -> LoadedFile:
    """Import a DAG file, once in the life of a process.

    Args:
        snapshot_directory: directory that holds the files of the snapshot.
        file: path of the DAG file below it, with forward slashes.

    Raises:
        DagFileError: the import failed; it says where.
    """
    root = os.path.abspath(snapshot_directory)  # noqa: PTH100 - links in it are kept: files are compared by their names
    keep_bundle_on_path(root)
    try:
        with collected_dags() as declared:
            module = import_dag_file(root, file)
        path = os.path.join(root, file)  # noqa: PTH118 - strings, as the import system has them
        return LoadedFile(root, file, {dag.dag_id: dag for dag in dags_of(module, declared, path, root)})
    except (Exception, SystemExit) as error:
        raise DagFileError(import_error(error, root, file)) from error

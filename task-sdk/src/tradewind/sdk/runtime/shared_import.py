"""Imports a DAG file for many tries at once, in a process that acts for none of them and so may read no secrets."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from tradewind.sdk.authoring.secret_source import reading_from
from tradewind.sdk.parsing.loading import LoadedFile, load_dag_file


class ImportNeedsTry(BaseException):
    """A DAG file reads or masks a secret while it is imported, so that each try has to import it in its own name.

    No `Exception`, so that a file which goes on without a secret that it could not get does not come so far.
    """


def load_for_many(snapshot_directory: str | Path, file: str) -> LoadedFile:
    """Import a DAG file in a process that no try has begun in.

    Args:
        snapshot_directory: directory that holds the files of the snapshot.
        file: path of the DAG file below it, with forward slashes.

    Raises:
        DagFileError: the import failed; it says where.
        ImportNeedsTry: it asked for a secret or had one masked, whatever the file made of the refusal.
    """
    nobody = _Nobody(file)
    try:
        with reading_from(nobody):
            loaded = load_dag_file(snapshot_directory, file)
    except Exception as error:
        if nobody.refusal is not None:
            raise nobody.refusal from error
        raise
    if nobody.refusal is not None:
        raise nobody.refusal
    return loaded


class _Nobody:
    """Refuses to answer, and remembers the first question: a file may catch the refusal."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.refusal: ImportNeedsTry | None = None

    def get_variable(self, key: str) -> NoReturn:
        self._refuse(f"reads variable {key!r}")

    def get_connection(self, conn_id: str) -> NoReturn:
        self._refuse(f"reads connection {conn_id!r}")

    def list_variable_keys(self, prefix: str = "") -> NoReturn:
        self._refuse("reads the names of variables")

    def mask(self, values: list[str]) -> NoReturn:
        self._refuse("has a secret masked")

    def missing_hint(self, kind: str, name: str) -> str:
        return ""

    def _refuse(self, what: str) -> NoReturn:
        refusal = ImportNeedsTry(f"The import of {self._file} {what}, so each try imports the file in its own name.")
        if self.refusal is None:
            self.refusal = refusal
        raise refusal

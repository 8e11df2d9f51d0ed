"""Parses one DAG file: imports it within a time limit, serializes its DAGs, and tells which files it read."""

from __future__ import annotations

import datetime as dt
import os
import time
import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from tradewind.sdk.authoring.dag import DAG
from tradewind.sdk.authoring.dag_context import collected_dags
from tradewind.sdk.authoring.serialize import serialize_dag
from tradewind.sdk.contract import DagImportError, FileParsed, SerializedDag, encode
from tradewind.sdk.exceptions import DagAuthoringError
from tradewind.sdk.parsing.blame import import_error
from tradewind.sdk.parsing.bundle_import import bundle_on_path, import_dag_file, keep_bundle_on_path
from tradewind.sdk.parsing.collection import dags_of
from tradewind.sdk.parsing.files_read import code_id, tracked
from tradewind.sdk.parsing.template_files import read_template_files
from tradewind.sdk.parsing.time_limit import time_limit

MAX_DAGS = 10_000
MAX_BYTES = 16 * 1024 * 1024 - 512 * 1024
"""Serialized DAGs of one file, below the limit of a request's body with room for the rest of the report."""


def parse_file(root: str | Path, file: str, *, timeout_seconds: float, process_ends: bool = False) -> FileParsed:
    """Import a DAG file and serialize the DAGs that it declares.

    Whatever the file does, short of ending or interrupting the process, comes back as an import error. This process is
    left as it was: neither the bundle's modules nor its root on the path stay behind.

    Args:
        root: directory of the bundle.
        file: path of the DAG file below it, with forward slashes.
        timeout_seconds: time that import and serialization may take; without effect outside the main thread.
        process_ends: whether this process ends after it, so that there is nothing to be left as it was.
    """
    directory = os.path.abspath(root)  # noqa: PTH100 - links in it are kept: files are compared by their names
    path = os.path.join(directory, file)  # noqa: PTH118 - strings, as the import system has them
    began = time.monotonic()
    dags: list[SerializedDag] = []
    error: DagImportError | None = None
    with tracked(directory) as files:
        files.add(path)
        try:
            with _importable(directory, process_ends), warnings.catch_warnings(), time_limit(timeout_seconds):
                warnings.simplefilter("ignore")
                dags = _declared_dags(directory, file, path)
        except KeyboardInterrupt:
            raise
        except BaseException as raised:  # noqa: BLE001 - sys.exit() in a DAG file is its error, not ours
            error = import_error(raised, directory, file)
    files_read = files.digests()
    return FileParsed(
        ended_at=dt.datetime.now(dt.UTC),
        duration_seconds=time.monotonic() - began,
        code_id=code_id(files_read),
        files_read=files_read,
        dags=dags,
        error=error,
    )


def _importable(root: str, for_good: bool) -> AbstractContextManager[object]:  # noqa: FBT001 - as the caller was told
    if for_good:
        keep_bundle_on_path(root)
        return nullcontext()
    return bundle_on_path(root)


def _declared_dags(root: str, file: str, path: str) -> list[SerializedDag]:
    with collected_dags() as declared:
        module = import_dag_file(root, file)
        dags = dags_of(module, declared, path, root)
    if len(dags) > MAX_DAGS:
        raise DagAuthoringError(f"The file declares {len(dags)} DAGs; at most {MAX_DAGS} are allowed.")
    serialized = [serialize_dag(dag, path) for dag in dags]
    _check_size(dags, serialized)
    read_template_files(dags)
    return serialized


def _check_size(dags: list[DAG], serialized: list[SerializedDag]) -> None:
    total = 0
    for dag, form in zip(dags, serialized, strict=True):
        try:
            total += len(encode(form))
        except UnicodeEncodeError as error:
            raise DagAuthoringError(f"DAG {dag.dag_id!r} holds a text that is no valid Unicode: {error.reason}.").at(
                dag.declaration.file, dag.declaration.line
            ) from None
        if total > MAX_BYTES:
            raise DagAuthoringError(
                f"The file declares more than can be reported at once, {MAX_BYTES} bytes; split it."
            ).at(dag.declaration.file, dag.declaration.line)

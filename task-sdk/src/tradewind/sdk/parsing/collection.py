"""Which DAGs belong to a file: those it binds to names, and those that its code declares in passing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from types import ModuleType

from tradewind.sdk.authoring.dag import DAG
from tradewind.sdk.exceptions import DagDuplicatedIdException

_MARKS = ("tradewind", "dag")
"""A file whose text holds both words, in any case, is parsed as a DAG file of its own."""


def dags_of(module: ModuleType, declared: Iterable[object], path: str, root: str) -> list[DAG]:
    """The DAGs of a file, in the order of their declaration.

    A DAG that another DAG file of the same bundle declares, and that this one merely imports, belongs to the other.

    Args:
        module: the imported file.
        declared: what `with` blocks and `@dag` functions declared during the import.
        path: absolute path of the file.
        root: absolute path of the bundle.

    Raises:
        DagDuplicatedIdException: two of them have the same id.
    """
    found = {id(value): value for value in (*declared, *vars(module).values()) if isinstance(value, DAG)}
    own = [dag for dag in found.values() if not _belongs_to_another_file(dag, path, root)]
    _refuse_duplicates(own)
    return own


def _belongs_to_another_file(dag: DAG, path: str, root: str) -> bool:
    file = dag.declaration.file
    if file is None or file == path or not file.startswith(root + os.sep):
        return False
    try:
        with open(file, encoding="utf-8", errors="replace") as source:  # noqa: PTH123 - a string, as it comes
            text = source.read().lower()
    except OSError:
        return False
    return all(mark in text for mark in _MARKS)


def _refuse_duplicates(dags: Sequence[DAG]) -> None:
    seen: dict[str, DAG] = {}
    for dag in dags:
        if dag.dag_id in seen:
            first, second = seen[dag.dag_id].declaration, dag.declaration
            raise DagDuplicatedIdException(
                f"The file declares DAG {dag.dag_id!r} twice, on lines {first.line} and {second.line}; "
                "give each DAG an id of its own."
            ).at(second.file, second.line)
        seen[dag.dag_id] = dag

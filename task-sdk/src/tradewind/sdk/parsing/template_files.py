"""Reads the template files of a DAG when its file is parsed, so that they count as its code."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from tradewind.sdk.authoring.dag import DAG
from tradewind.sdk.authoring.template_settings import search_path
from tradewind.sdk.authoring.templating import template_files

_REFERENCE = re.compile(r"""\{%[-+]?\s*(?:include|import|from|extends)\s+["']([^"']+)["']""")


def read_template_files(dags: Iterable[DAG]) -> None:
    """Read the files that templated fields name, and those that they include. What is not there is passed over.

    A missing file is a failure of the task that needs it, as in Airflow: other tasks of the DAG can run.
    """
    for dag in dags:
        names = {name for task in dag.tasks for name in template_files(task)}
        if names:
            _read(names, search_path(dag))


def _read(names: set[str], folders: Sequence[str]) -> None:
    waiting = sorted(names)
    seen = set(waiting)
    while waiting:
        found = set(_REFERENCE.findall(_text(waiting.pop(), folders))) - seen
        seen |= found
        waiting.extend(sorted(found))


def _text(name: str, folders: Sequence[str]) -> str:
    for folder in folders:
        try:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:  # noqa: PTH118, PTH123 - strings, as they come
                return file.read()
        except (OSError, ValueError):
            continue
    return ""

"""Identities of content: the structure of a DAG, and the code that a parse read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tradewind.server.contract import SerializedDag, to_plain

DOCUMENTATION = ("doc", "doc_json", "doc_md", "doc_rst", "doc_yaml")
"""What says nothing about the structure of a DAG."""


def structure_hash(dag: SerializedDag) -> str:
    """SHA-256 of the declared structure: a DAG version. Line and documentation are no part of it."""
    plain = to_plain(dag)
    plain.pop("line", None)
    plain.pop("doc_md", None)
    for part in (*plain["tasks"], *plain.get("task_groups", ())):
        for name in DOCUMENTATION:
            part.pop(name, None)
    return digest_of(plain)


def digest_of(plain: Any) -> str:
    """SHA-256 of a JSON value in canonical form: sorted keys, no spaces, UTF-8.

    Args:
        plain: what `json.loads` gives; numbers are finite.
    """
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def code_id(files_read: Mapping[str, str]) -> str:
    """Identity of the code of a DAG file: SHA-256 over the sorted lines `path NUL digest LF`.

    Args:
        files_read: path in the bundle to SHA-256 of every file that the parse read, the DAG file among them.
    """
    return _digest_of_lines(files_read)


def snapshot_digest(files: Mapping[str, str]) -> str:
    """Identity of a whole bundle: the same digest over all its files."""
    return _digest_of_lines(files)


def _digest_of_lines(files: Mapping[str, str]) -> str:
    lines = (f"{path}\0{digest}\n" for path, digest in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()

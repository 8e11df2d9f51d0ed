"""Which files of a bundle an import reads: modules and whatever else it opens."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_WRITE_ONLY = os.O_WRONLY
_BLOCK_BYTES = 64 * 1024
_active: list[FilesRead] = []
_hooked = False


class FilesRead:
    """Collects the paths of files that are opened below a directory.

    Args:
        root: absolute path of the directory.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._paths: set[str] = set()

    def add(self, path: str) -> None:
        """Note a file, if it lies below the directory."""
        relative = relative_path(path, self._root)
        if relative is None and self._real_root != self._root:
            relative = relative_path(os.path.realpath(path), self._real_root)
        if relative and "__pycache__/" not in relative:
            self._paths.add(relative)

    def digests(self) -> dict[str, str]:
        """Path below the directory to SHA-256, for each file that is there."""
        found = {}
        for relative in sorted(self._paths):
            path = os.path.join(self._root, relative)  # noqa: PTH118 - strings, as they come
            if os.path.isfile(path):  # noqa: PTH113 - strings, as they come
                found[relative] = _digest(path)
        return found


@contextmanager
def tracked(root: str) -> Iterator[FilesRead]:
    """Collect what is read below a directory meanwhile."""
    global _hooked  # noqa: PLW0603 - audit hooks are of the process and cannot be removed
    if not _hooked:
        sys.addaudithook(_on_audit)
        _hooked = True
    files = FilesRead(root)
    _active.append(files)
    try:
        yield files
    finally:
        _active.remove(files)


def code_id(files_read: Mapping[str, str]) -> str:
    """SHA-256 over the sorted lines `path NUL digest LF`: the identity of a DAG file's code."""
    lines = "".join(f"{path}\0{digest}\n" for path, digest in sorted(files_read.items()))
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()


def relative_path(path: str, root: str) -> str | None:
    """The path below the root with forward slashes; None when it lies elsewhere."""
    if not path.startswith(root + os.sep):
        return None
    return path[len(root) + 1 :].replace(os.sep, "/") or None


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    # The buffer that `hashlib.file_digest` clears first is, in a just forked process, much of what the parse costs.
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a string, as it comes
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _on_audit(event: str, arguments: tuple[object, ...]) -> None:
    if not _active or event != "open":
        return
    path, _, flags = arguments
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    if not isinstance(path, str) or (isinstance(flags, int) and flags & _WRITE_ONLY):
        return
    path = os.path.abspath(path)  # noqa: PTH100 - strings, as they come
    for files in tuple(_active):
        files.add(path)

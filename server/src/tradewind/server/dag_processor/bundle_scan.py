"""The content of a bundle's directory by digest, read only where something changed."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tradewind.server.contract import DagImportError
from tradewind.server.dag_processor.tree_walk import FoundFile, Stamp, UnreadableDirectory, read_ignore_patterns, walk

UNSETTLED_NS = 2_000_000_000
"""A file that changed this shortly before it was read is read again: a second change may leave the same status."""

LONGEST_PATH = 1024
"""Longest path of a file in the contract."""

NAMED_IN_MESSAGE = 200

_REMEDY = "keep it outside the bundle, name it in .tradewindignore, or raise the setting"


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file of a bundle.

    Attributes:
        digest: SHA-256 of the bytes that were read.
        size: their number.
        declares_dags: whether the file may declare DAGs.
    """

    digest: str
    size: int
    declares_dags: bool


@dataclass(frozen=True, slots=True)
class BundleState:
    """A bundle as it was read.

    Attributes:
        files: path to file, sorted by path.
        errors: files that were left out, each with the reason.
    """

    files: Mapping[str, BundleFile] = field(default_factory=dict)
    errors: tuple[DagImportError, ...] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    """What is known of a path: the status it had, whether that status can be relied on, and the file or the error."""

    stamp: Stamp
    settled: bool
    found: BundleFile | DagImportError


class BundleScanner:
    """Reads a directory again and again; where no status changed, that costs a walk and nothing else.

    Args:
        root: the directory.
        max_file_bytes: larger files are left out.
        max_bundle_bytes: files beyond this sum are left out, those that are no Python files first.
    """

    def __init__(self, root: Path, *, max_file_bytes: int, max_bundle_bytes: int) -> None:
        self._root = root
        self._max_file_bytes = max_file_bytes
        self._max_bundle_bytes = max_bundle_bytes
        self._read: dict[str, _Read] = {}
        self._unlisted: tuple[UnreadableDirectory, ...] = ()
        self._state: BundleState | None = None
        self.contents: dict[str, bytes] = {}

    def scan(self) -> BundleState:
        """The bundle now: the same object as last time when nothing changed.

        What was read for the first time is in `contents` by its digest until `forget_contents`.

        Raises:
            OSError: the directory is missing or the file system fails; nothing is known of the bundle.
        """
        read: dict[str, _Read] = {}
        unlisted: list[UnreadableDirectory] = []
        for found in walk(self._root, read_ignore_patterns(self._root)):
            if isinstance(found, UnreadableDirectory):
                unlisted.append(found)
                continue
            known = self._read.get(found.path)
            fresh = known if known is not None and known.settled and known.stamp == found.stamp else self._look(found)
            if fresh is not None:
                read[found.path] = fresh
        state = self._state
        if state is None or self._differs(read) or tuple(unlisted) != self._unlisted:
            state = self._assemble(read, unlisted)
        self._read = read
        self._unlisted = tuple(unlisted)
        self._state = state
        return state

    def forget_contents(self) -> None:
        """Drop the bytes that were read: the store has them."""
        self.contents.clear()

    def read_everything_again(self) -> None:
        """Trust no status at the next scan, so that all contents are at hand."""
        self._read.clear()
        self._state = None

    def _differs(self, read: Mapping[str, _Read]) -> bool:
        if read.keys() != self._read.keys():
            return True
        return any(
            entry is not self._read[path] and entry.found != self._read[path].found for path, entry in read.items()
        )

    def _look(self, found: FoundFile) -> _Read | None:
        """Read one file; None when it is gone."""
        age_ns = time.time_ns() - found.stamp.modified_ns
        settled = not 0 <= age_ns < UNSETTLED_NS
        if refusal := self._refusal(found):
            return _Read(found.stamp, settled, refusal)
        try:
            with (self._root / found.path).open("rb") as file:
                content = file.read(self._max_file_bytes + 1)
        except FileNotFoundError:
            return None
        except PermissionError as error:
            return _Read(
                found.stamp,
                settled,
                _left_out(found.path, "FileUnreadable", f"{error.strerror}: make it readable for the server"),
            )
        if len(content) > self._max_file_bytes:
            return _Read(found.stamp, settled, self._too_large(found.path, len(content)))
        digest = hashlib.sha256(content).hexdigest()
        self.contents[digest] = content
        return _Read(found.stamp, settled, BundleFile(digest, len(content), _declares_dags(found.path, content)))

    def _refusal(self, found: FoundFile) -> DagImportError | None:
        """Why a file is left out without being read."""
        try:
            found.path.encode("utf-8")
        except UnicodeEncodeError:
            return _left_out(found.path, "UnusableFileName", "its name is not UTF-8: give it another name")
        if len(found.path) > LONGEST_PATH:
            return _left_out(found.path, "UnusableFileName", f"its path is longer than {LONGEST_PATH} characters")
        return self._too_large(found.path, found.stamp.size) if found.stamp.size > self._max_file_bytes else None

    def _too_large(self, path: str, size: int) -> DagImportError:
        return _left_out(
            path,
            "FileTooLarge",
            f"it has {size} bytes or more and dags.max_file_bytes is {self._max_file_bytes}: {_REMEDY}",
        )

    def _assemble(self, read: Mapping[str, _Read], unlisted: Sequence[UnreadableDirectory]) -> BundleState:
        """Files and errors of everything read, within the size of a bundle."""
        files: dict[str, BundleFile] = {}
        errors = [
            _left_out(path, "DirectoryUnreadable", f"{why}: make it readable for the server") for path, why in unlisted
        ]
        left_out: list[str] = []
        total = 0
        for path, entry in sorted(read.items(), key=lambda item: (not item[0].endswith(".py"), item[0])):
            if isinstance(entry.found, DagImportError):
                errors.append(entry.found)
            elif total + entry.found.size > self._max_bundle_bytes:
                left_out.append(path)
            else:
                total += entry.found.size
                files[path] = entry.found
        if left_out:
            errors.append(self._bundle_too_large(left_out))
        return BundleState(dict(sorted(files.items())), tuple(errors))

    def _bundle_too_large(self, left_out: list[str]) -> DagImportError:
        others = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
        return _left_out(
            left_out[0],
            "BundleTooLarge",
            f"with this file{others} the bundle exceeds dags.max_bundle_bytes, {self._max_bundle_bytes}: {_REMEDY}",
        )


def _declares_dags(path: str, content: bytes) -> bool:
    """Whether a file is worth an import: Python text in which both words occur, in any case."""
    if not path.endswith(".py"):
        return False
    words = content.lower()
    return b"dag" in words and b"tradewind" in words


def _left_out(path: str, type_: str, why: str) -> DagImportError:
    shown = os.fsencode(path).decode("utf-8", "backslashreplace")
    return DagImportError(
        file=shown[:LONGEST_PATH], type=type_, message=f"{shown[:NAMED_IN_MESSAGE]} is not part of the bundle: {why}"
    )

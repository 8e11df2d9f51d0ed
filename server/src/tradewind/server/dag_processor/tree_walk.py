"""Lists the files of a directory tree with what their status says, and reads none of them."""

from __future__ import annotations

import errno
import fnmatch
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

IGNORE_FILE = ".tradewindignore"
NEVER = frozenset({"__pycache__"})


class Stamp(NamedTuple):
    """What changes when a file does."""

    modified_ns: int
    size: int
    inode: int


class FoundFile(NamedTuple):
    """A regular file; `path` is relative to the root, with forward slashes."""

    path: str
    stamp: Stamp


class UnreadableDirectory(NamedTuple):
    """A directory whose entries could not be listed."""

    path: str
    why: str


def read_ignore_patterns(root: Path) -> tuple[str, ...]:
    """The lines of `.tradewindignore`: shell patterns for paths or names; empty lines and `#` comments are none."""
    try:
        text = (root / IGNORE_FILE).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ()
    lines = (line.strip() for line in text.splitlines())
    return tuple(line.rstrip("/") for line in lines if line and not line.startswith("#"))


def walk(root: Path, ignored: Sequence[str] = ()) -> Iterator[FoundFile | UnreadableDirectory]:
    """All regular files below a directory, symbolic links followed but no loop of them.

    Hidden entries and `__pycache__` are left out, and what a pattern matches by its path or its name.

    Args:
        root: the directory.
        ignored: shell patterns as of `fnmatch`.

    Raises:
        OSError: the root can not be listed, or the file system fails.
    """
    status = root.stat()
    yield from _walk(root, "", ignored, frozenset({(status.st_dev, status.st_ino)}))


def _walk(
    directory: Path, prefix: str, ignored: Sequence[str], ancestors: frozenset[tuple[int, int]]
) -> Iterator[FoundFile | UnreadableDirectory]:
    entries = _list(directory, prefix)
    if isinstance(entries, UnreadableDirectory):
        yield entries
        return
    for entry in entries:
        path = f"{prefix}/{entry.name}" if prefix else entry.name
        if entry.name.startswith(".") or entry.name in NEVER or _matches(path, entry.name, ignored):
            continue
        status = _status(entry)
        if status is None:
            continue
        if stat.S_ISDIR(status.st_mode):
            identity = (status.st_dev, status.st_ino)
            if identity not in ancestors:
                yield from _walk(Path(entry.path), path, ignored, ancestors | {identity})
        elif stat.S_ISREG(status.st_mode):
            yield FoundFile(path, Stamp(status.st_mtime_ns, status.st_size, status.st_ino))


def _list(directory: Path, prefix: str) -> list[os.DirEntry[str]] | UnreadableDirectory:
    """The entries of a directory; none of one that has vanished, unless it is the root."""
    try:
        with os.scandir(directory) as listing:
            return list(listing)
    except PermissionError as error:
        if not prefix:
            raise
        return UnreadableDirectory(prefix, error.strerror or "it can not be listed")
    except (FileNotFoundError, NotADirectoryError):
        if not prefix:
            raise
        return []


def _matches(path: str, name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Status of what an entry leads to; None when that is gone, is a loop, or may not be seen."""
    try:
        return entry.stat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise

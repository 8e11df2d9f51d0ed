"""The log store: segments of task logs as files under one directory, written once, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from tradewind.server.api.problems import invalid
from tradewind.server.contract import LogRecord, ProblemReason, decode
from tradewind.server.domain.refusals import Refused
from tradewind.server.store.hints import Hints, Subscription

_SUFFIX: Final = ".jsonl"
# A percent sign is in no DAG id, so that parses and DAGs never share a directory.
PARSES: Final = "%parses"
"""Directory of what parses printed; those beside it without a percent sign are DAGs, and in them runs."""


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where the segments of one try, or of one parse, are kept: names from the root of the store down."""

    parts: tuple[str, ...]

    @classmethod
    def of_try(cls, dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int) -> LogPlace:
        """The place of a try's log."""
        return cls((_safe(dag_id), _safe(run_id), _safe(task_id), str(map_index), str(try_number)))

    @classmethod
    def of_parse(cls, parse_id: str) -> LogPlace:
        """The place of what a parse printed."""
        return cls((PARSES, _safe(parse_id)))


class LogStore:
    """Reads and writes segments. All calls block on the file system for a moment: run them in a thread.

    Args:
        directory: root of the store; made when the first segment arrives.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._hints = Hints()

    def put_segment(self, place: LogPlace, sequence: int, content: bytes) -> None:
        """Keep a segment. A sequence number that is there already stays as it was: a repeat changes nothing.

        Args:
            place: see `LogPlace`.
            sequence: number of the segment, from 0.
            content: JSON lines, see `check_segment`.
        """
        folder = self._directory.joinpath(*place.parts)
        target = folder / _file_name(sequence)
        if target.exists():
            return
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".segment-")
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
                file.write(content)
            # Unlike a rename, a link fails when the segment came twice at once: the first stays.
            with contextlib.suppress(FileExistsError):
                os.link(name, target)
        finally:
            Path(name).unlink()
        self._hints.deliver([_topic(place)])

    def records(self, place: LogPlace, offset: int = 0) -> Iterator[bytes]:
        """The records of a log in order, each one JSON line without its end; nothing when there is no log.

        Args:
            place: see `LogPlace`.
            offset: how many to leave out at the beginning.
        """
        return LogReader(self._directory.joinpath(*place.parts), offset).all()

    def reader(self, place: LogPlace, offset: int = 0) -> LogReader:
        """For a log that still grows: what came since the last look."""
        return LogReader(self._directory.joinpath(*place.parts), offset)

    def subscribe(self, place: LogPlace) -> Subscription:
        """Hear of segments that come to this process; those that come to another are found by looking."""
        return self._hints.subscribe(_topic(place))


class LogReader:
    """Reads a log segment by segment, each once.

    Args:
        folder: of the log.
        offset: how many records to leave out at the beginning.
    """

    def __init__(self, folder: Path, offset: int) -> None:
        self._folder = folder
        self._skip = offset
        self._next = 0

    def new(self) -> Iterator[bytes]:
        """Records of the segments that follow, up to the first that has not come yet."""
        while True:
            try:
                content = (self._folder / _file_name(self._next)).read_bytes()
            except FileNotFoundError:
                return
            self._next += 1
            yield from self._records(content)

    def all(self) -> Iterator[bytes]:
        """Records of all segments that follow, also after one that never came."""
        found = sorted((int(path.stem), path) for path in self._folder.glob(f"[0-9]*{_SUFFIX}"))
        for sequence, path in found:
            if sequence >= self._next:
                self._next = sequence + 1
                yield from self._records(path.read_bytes())

    def _records(self, content: bytes) -> Iterator[bytes]:
        lines = [line for line in content.split(b"\n") if line]
        yield from lines[self._skip :]
        self._skip = max(self._skip - len(lines), 0)


def check_segment(content: bytes) -> None:
    """Hold a segment against the contract: one log record a line.

    Raises:
        Refused: malformed_body, naming the first wrong line.
    """
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line:
            continue
        try:
            decode(LogRecord, line)
        except ValidationError as error:
            found = invalid(error, what=f"line {number}")
            raise Refused(
                ProblemReason.MALFORMED_BODY,
                f"the segment has a wrong record: {found.detail}",
                field=f"{number}.{found.field}" if found.field else str(number),
                action="send JSON lines, one log record each",
            ) from None


def _file_name(sequence: int) -> str:
    return f"{sequence:08d}{_SUFFIX}"


def _topic(place: LogPlace) -> str:
    return "/".join(place.parts)


def _safe(name: str) -> str:
    """A name of the contract as a file name: these have no slash, but `.` and `..` must not step out of the store."""
    return f"%2E{name[1:]}" if name.startswith(".") else name


def name_of(folder: str) -> str:
    """The DAG or run that a directory of the log store is for."""
    return f".{folder[3:]}" if folder.startswith("%2E") else folder

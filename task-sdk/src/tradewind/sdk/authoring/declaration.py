"""Where a DAG is declared: which file's top-level code made it, and on which line."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from types import FrameType

_OWN_PACKAGE = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - pathlib costs a DAG file its import
_OWN_NAME = __name__.removesuffix(".authoring.declaration")


@dataclass(frozen=True, slots=True)
class Declaration:
    """A place in a file.

    Args:
        file: the file whose top-level code ran; None when no file did, as in an interactive session.
        line: the line of that file which was running.
        fileloc: the file of the call itself: that of a factory function where one is used.
    """

    file: str | None
    line: int | None
    fileloc: str


def find_declaration() -> Declaration:
    """The place of the innermost code outside this package, and of the top-level code that it runs under."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect.currentframe is the same, and costs an import
    while frame is not None and _is_own(frame):
        frame = frame.f_back
    fileloc = frame.f_code.co_filename if frame else ""
    while frame is not None and not _is_top_level_code(frame):
        frame = frame.f_back
    if frame is None:
        return Declaration(None, None, fileloc)
    return Declaration(frame.f_code.co_filename, frame.f_lineno, fileloc)


def _is_top_level_code(frame: FrameType) -> bool:
    code = frame.f_code
    return code.co_name == "<module>" and not code.co_filename.startswith("<") and not _is_own(frame)


def _is_own(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__", "")
    return name == _OWN_NAME or (name.startswith(f"{_OWN_NAME}.") and frame.f_code.co_filename.startswith(_OWN_PACKAGE))

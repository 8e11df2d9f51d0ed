"""From an exception to an import error: which file and line of the bundle is to blame, in which words."""

from __future__ import annotations

import linecache
import os
import traceback
from types import TracebackType

from tradewind.sdk.contract import DagImportError
from tradewind.sdk.error_text import cut_message, cut_traceback, message_of, type_name
from tradewind.sdk.exceptions import DagAuthoringError
from tradewind.sdk.parsing.files_read import relative_path
from tradewind.sdk.parsing.import_hints import import_hint

_MAX_PATH = 1024


def import_error(error: BaseException, root: str, file: str) -> DagImportError:
    """The import error for what the import of a DAG file raised.

    Args:
        error: what was raised.
        root: absolute path of the bundle.
        file: path of the DAG file below it.
    """
    place = _syntax_place(error, root) or _declared_place(error, root) or _innermost_place(error.__traceback__, root)
    blamed, line = place or (file, None)
    return DagImportError(
        file=blamed if len(blamed) <= _MAX_PATH else file,
        line=line if line and line > 0 else None,
        type=type_name(error),
        message=cut_message(message_of(error) + import_hint(error, _line_of(root, place))),
        traceback=cut_traceback(_traceback_from_bundle(error, root)),
    )


def _syntax_place(error: BaseException, root: str) -> tuple[str, int | None] | None:
    if isinstance(error, SyntaxError) and error.filename and (path := _below(error.filename, root)):
        return path, error.lineno
    return None


def _declared_place(error: BaseException, root: str) -> tuple[str, int | None] | None:
    if isinstance(error, DagAuthoringError) and error.fileloc and (path := _below(error.fileloc, root)):
        return path, error.line
    return None


def _innermost_place(trace: TracebackType | None, root: str) -> tuple[str, int | None] | None:
    place = None
    while trace is not None:
        if path := _below(trace.tb_frame.f_code.co_filename, root):
            place = path, trace.tb_lineno
        trace = trace.tb_next
    return place


def _traceback_from_bundle(error: BaseException, root: str) -> str:
    """The traceback without the frames above the bundle's own, which say nothing about it."""
    trace = error.__traceback__
    while trace is not None and not _below(trace.tb_frame.f_code.co_filename, root):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace))


def _line_of(root: str, place: tuple[str, int | None] | None) -> str:
    path, line = place or ("", None)
    return linecache.getline(os.path.join(root, path), line) if line else ""  # noqa: PTH118 - strings, as tracebacks have them


def _below(path: str, root: str) -> str | None:
    return relative_path(path, root) or relative_path(os.path.realpath(path), os.path.realpath(root))

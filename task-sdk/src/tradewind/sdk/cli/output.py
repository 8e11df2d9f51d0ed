"""How the command line prints: tables for people, JSON for programs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import click

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)")
Command = TypeVar("Command", bound=Callable[..., Any])
STATE_COLOURS = {
    "success": "green",
    "running": "cyan",
    "failed": "red",
    "upstream_failed": "red",
    "up_for_retry": "yellow",
    "skipped": "magenta",
}


def output_option(command: Command) -> Command:
    """The option `-o/--output`, passed to the command as `output`."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="Form of output.",
    )(command)


def print_json(value: object) -> None:
    """Print one JSON value, readable and stable."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows under column names; with rich where it is installed and somebody looks.

    Args:
        rows: one mapping a row.
        columns: keys of the rows, in order; underscores become spaces in the heading.
    """
    cells = [[_cell(row, column) for column in columns] for row in rows]
    headings = [column.replace("_", " ").upper() for column in columns]
    if not cells:
        click.echo("(none)")
        return
    if sys.stdout is not None and sys.stdout.isatty() and _print_rich(headings, cells):
        return
    widths = [max(len(row[index]) for row in [headings, *cells]) for index in range(len(columns))]
    for row in [headings, *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_rich(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> bool:
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell, style=STATE_COLOURS.get(cell, "")) for cell in row))
    Console().print(table)
    return True


def print_rest(shown: int, total: int) -> None:
    """Say, where a table left something out, how much; not on the standard output, which may be read by a program."""
    if total > shown:
        click.echo(f"{shown} of {total}; --limit shows more", err=True)


def print_fields(value: Mapping[str, Any], names: Sequence[str]) -> None:
    """Print the named fields of one thing, one a line; absent ones are left out."""
    width = max(len(name) for name in names)
    for name in names:
        if value.get(name) not in (None, "", [], {}):
            click.echo(f"{name.replace('_', ' ').ljust(width)}  {_cell(value, name)}")


def text_of(value: Any) -> str:
    """A value in a cell: dates to the second in local time, nothing for null, JSON for the rest."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    if isinstance(value, str):
        return _local_time(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def reason_in_words(thing: Mapping[str, Any]) -> str:
    """Why a run or a task instance is where it is, with the moments in local time.

    What the error of a task says stays as the task wrote it.
    """
    words = text_of(thing["reason_text"])
    if (thing.get("reason") or {}).get("reason") == "ended":
        return words
    return _MOMENT.sub(lambda found: _local_time(found[0].replace(" ", "T")), words)


def _cell(row: Mapping[str, Any], column: str) -> str:
    return reason_in_words(row) if column == "reason_text" and column in row else text_of(row.get(column))


def _local_time(text: str) -> str:
    if len(text) < 20 or text[4:5] != "-" or "T" not in text[:11]:
        return text
    try:
        return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return text


def paint(state: str) -> str:
    """A state in its colour, where colours are shown."""
    return click.style(state, fg=STATE_COLOURS.get(state))

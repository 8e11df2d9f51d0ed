"""Writes `docs/states.md` from the tables of states: a diagram and a table for each machine.

`python -m tools.docs.state_diagrams` writes; with `--check` it only compares, and exits 1 when they differ.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "schemas" / "head" / "states.json"
TARGET = ROOT / "docs" / "states.md"
HEAD = """\
<!-- Generated from schemas/head/states.json by tools.docs.state_diagrams. DO NOT EDIT. -->

# States

Every change of state is a row of these tables: (state, event) to state. They are data in
[`schemas/head/states.json`](../schemas/head/states.json); the server knows no other way from one state to the next.
"""


def render(machines: Mapping[str, Any]) -> str:
    """The whole page."""
    return HEAD + "".join(f"\n{line}" if line else "\n" for line in _lines(machines)) + "\n"


def _lines(machines: Mapping[str, Any]) -> Iterator[str]:
    for number, (name, machine) in enumerate(machines.items()):
        if number:
            yield ""
        yield f"## {name.replace('_', ' ').capitalize().replace('Dag', 'DAG')}"
        yield ""
        yield from _diagram(machine)
        yield ""
        yield from _table(machine)


def _diagram(machine: Mapping[str, Any]) -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {machine['initial']}"
    for (source, target), events in _edges(machine).items():
        yield f"    {source} --> {target}: {', '.join(events)}"
    for state in machine["final"]:
        yield f"    {state} --> [*]"
    yield "```"


def _edges(machine: Mapping[str, Any]) -> dict[tuple[str, str], list[str]]:
    edges: dict[tuple[str, str], list[str]] = {}
    for row in machine["transitions"]:
        edges.setdefault((row["from"], row["to"]), []).append(row["event"])
    return edges


def _table(machine: Mapping[str, Any]) -> Iterator[str]:
    yield "| from | event | to | when |"
    yield "|---|---|---|---|"
    for row in machine["transitions"]:
        yield f"| `{row['from']}` | `{row['event']}` | `{row['to']}` | {row['when']} |"


def main(arguments: list[str] | None = None) -> int:
    """Write or compare the page; the exit code is 1 for a page that differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args(arguments)
    fresh = render(json.loads(SOURCE.read_text(encoding="utf-8"))["machines"])
    if not options.check:
        TARGET.parent.mkdir(exist_ok=True)
        TARGET.write_text(fresh, encoding="utf-8")
        return 0
    kept = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    difference = difflib.unified_diff(kept.splitlines(), fresh.splitlines(), "docs/states.md", "fresh", lineterm="")
    found = list(difference)
    print("\n".join(found) or "docs/states.md is up to date")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

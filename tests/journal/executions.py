"""Reads what user code has written down of itself, outside of the product: see `tests/e2e/dags/witness.py`."""

import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Execution:
    """One process that has run user code of a try.

    Attributes:
        began: seconds since 1970, whatever the wall clock of the process said.
        last_seen: moment of the last line.
        ending: `returned` or the class of the error; None when user code was cut off.
        met: tries of the same task instance whose user code was still there when this began.
        acknowledged: keys of XComs with the value, in order, of which the server had said that it has them.
    """

    try_id: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    pid: int
    began: float
    last_seen: float
    ending: str | None = None
    met: list[str] = field(default_factory=list)
    acknowledged: list[tuple[str, Any]] = field(default_factory=list)

    def is_there(self) -> bool:
        """Whether its process still is in user code, as far as pids tell."""
        return self.ending is None and _lives(self.pid)


def read_executions(folder: Path, runs: Iterable[tuple[str, str]] | None = None) -> list[Execution]:
    """Read the journals of some runs, or of all; a line that is being written is left for the next time."""
    files = sorted(folder.glob("*.jsonl")) if runs is None else [folder / f"{dag}.{run}.jsonl" for dag, run in runs]
    # The clocks of user code may be set wrong on purpose; the monotonic one of the machine is the same for everybody.
    offset = time.time() - time.monotonic()
    found: dict[tuple[str, int], Execution] = {}
    for file in files:
        if not file.exists():
            continue
        for line in file.read_bytes().split(b"\n")[:-1]:
            _tell(found, json.loads(line), offset)
    return list(found.values())


def _tell(found: dict[tuple[str, int], Execution], line: dict[str, Any], offset: float) -> None:
    event, moment = line.pop("event"), line.pop("monotonic") + offset
    key = line["try_id"], line["pid"]
    if event == "begin":
        line.pop("wall")
        # A process that runs a try a second time is a second execution.
        while key in found:
            key = key[0], -abs(key[1]) - 1
        found[key] = Execution(**line, began=moment, last_seen=moment)
        return
    execution = found[key]
    execution.last_seen = moment
    if event == "met":
        execution.met.append(line["other"])
    elif event == "acknowledged":
        execution.acknowledged.append((line["key"], line["value"]))
    elif event == "end":
        execution.ending = line["ending"]


def _lives(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"} and os.path.exists(f"/proc/{pid}")  # noqa: PTH110

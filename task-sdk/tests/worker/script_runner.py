"""What the children of these tests run: the file of the snapshot is a script with a function `run`."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tradewind.sdk.worker.channel import Channel

Run = Callable[["Child"], Any]


class Child:
    """What a script gets."""

    def __init__(self, assignment: dict[str, Any], channel: Channel, log: int) -> None:
        self.assignment = assignment
        self.channel = channel
        self.log = log
        self.requests = 0

    def call(
        self, operation: str, parameters: dict[str, str] | None = None, body: object = None, **more: object
    ) -> dict[str, Any]:
        """Ask the supervisor, and return the response frame."""
        self.requests += 1
        frame = {"frame": "request", "request_id": self.requests, "operation": operation, **more}
        frame["parameters"] = parameters or {}
        if body is not None:
            frame["body"] = body
        self.channel.send(json.dumps(frame).encode())
        answer = self.channel.receive()
        assert answer is not None
        response: dict[str, Any] = json.loads(answer)
        return response

    def structured(self, **record: object) -> None:
        """Write a line of the structured log."""
        os.write(self.log, json.dumps(record).encode() + b"\n")

    def succeed(self, value: object = None) -> dict[str, Any]:
        """The outcome of a try that returned this."""
        now = dt.datetime.now(dt.UTC).isoformat()
        xcoms = [] if value is None else [{"key": "return_value", "value": value}]
        return {"outcome": "success", "started_at": now, "ended_at": now, "xcoms": xcoms}


def prepare() -> None:
    """Nothing is needed before the first fork."""


def make_ready_to_fork(loaded: object) -> None:
    """Nothing is needed after the import either."""


def load_dag_file(snapshot_directory: str, file: str) -> Run:
    """The function `run` of the script."""
    names: dict[str, Any] = {"__file__": str(Path(snapshot_directory, file))}
    source = Path(snapshot_directory, file).read_text()
    exec(compile(source, names["__file__"], "exec"), names)
    run: Run = names["run"]
    return run


def run_activity(assignment: bytes, channel: Channel, log_descriptor: int, loaded: object | None) -> bytes:
    """Run the script; what it returns is the outcome."""
    task = json.loads(assignment)
    file = task["activity"]["code"]["file"]
    run: Any = loaded or load_dag_file(task["snapshot_directory"], file)
    outcome = run(Child(task, channel, log_descriptor))
    sys.stdout.flush()
    sys.stderr.flush()
    return json.dumps({"frame": "result", "outcome": outcome}).encode()

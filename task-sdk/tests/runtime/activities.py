"""Assignments for tests, and a control plane in memory that answers the calls of their tasks."""

import datetime as dt
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tradewind.sdk.client.calls import Call, Reply
from tradewind.sdk.contract import (
    Assignment,
    CodeReference,
    Connection,
    DagRunContext,
    DagRunType,
    ExecuteTask,
    Isolation,
    OnCut,
    Outcome,
    ParseDagFile,
    RunSummary,
    Secrets,
    TaskFailed,
    TaskSkipped,
    TaskSucceeded,
    TaskTryReference,
    Variable,
    to_plain,
)
from tradewind.sdk.runtime import LoadedFile, run_activity
from tradewind.sdk.typed_values import ClassPatterns, read_value

RUN_AFTER = dt.datetime(2024, 3, 1, 12, 30, tzinfo=dt.UTC)
DIGEST = "0" * 64


class ControlPlane:
    """Answers calls of tasks from values in memory, and remembers them."""

    def __init__(self) -> None:
        self.xcoms: dict[tuple[str, str], Any] = {}
        self.variables: dict[str, str] = {}
        self.connections: dict[str, Connection] = {}
        self.previous_runs: dict[str, RunSummary] = {}
        self.refusals: list[Reply] = []
        self.calls: list[Call] = []
        self.task_id = "a"

    def send(self, call: Call) -> Reply:
        self.calls.append(call)
        if self.refusals:
            return self.refusals.pop(0)
        parameters = dict(call.parameters)
        if call.operation == "set_xcom":
            self.xcoms[self.task_id, parameters["key"]] = call.body["value"]
            return Reply(204)
        found: Any = None
        if call.operation == "get_xcom":
            place = parameters["task_id"], parameters["key"]
            found = {"value": self.xcoms[place]} if place in self.xcoms else None
        elif call.operation == "get_variable":
            key = parameters["key"]
            found = {"key": key, "value": self.variables[key]} if key in self.variables else None
        elif call.operation == "get_connection":
            known = self.connections.get(parameters["conn_id"])
            found = to_plain(known) if known else None
        elif call.operation == "get_previous_run":
            run = self.previous_runs.get(parameters.get("state", ""))
            found = to_plain(run) if run else None
        return Reply(200, found) if found else refusal(404, "not_found")


def refusal(status: int, reason: str, **more: Any) -> Reply:
    return Reply(status, {"type": "x", "title": reason, "status": status, "detail": "No.", "reason": reason, **more})


def assignment(
    root: Path,
    task_id: str = "a",
    *,
    file: str = "file.py",
    variables: dict[str, str] | None = None,
    connections: Sequence[Connection] = (),
    **run: Any,
) -> Assignment:
    """An assignment for a task of DAG `d`."""
    given = {"run_after": RUN_AFTER, "conf": {}, **run}
    return Assignment(
        dispatch_id=str(uuid.uuid4()),
        activity=ExecuteTask(
            task_try=TaskTryReference(
                dag_id="d", run_id="r", task_id=task_id, map_index=-1, try_number=2, try_id=str(uuid.uuid4())
            ),
            dag_run=DagRunContext(dag_id="d", run_id="r", run_type=DagRunType.MANUAL, dag_version=1, **given),
            code=CodeReference(bundle="dags", snapshot=DIGEST, file=file),
            max_tries=4,
            isolation=Isolation.FORK,
            on_cut=OnCut.CONTINUE,
        ),
        secrets=Secrets(
            connections=list(connections),
            variables=[Variable(key=key, value=value) for key, value in (variables or {}).items()],
        ),
        snapshot_directory=str(root),
    )


def parse_assignment(root: Path, file: str = "file.py", timeout_seconds: float = 30) -> Assignment:
    """An assignment to parse a file."""
    return Assignment(
        dispatch_id=str(uuid.uuid4()),
        activity=ParseDagFile(
            parse_id=str(uuid.uuid4()),
            code=CodeReference(bundle="dags", snapshot=DIGEST, file=file),
            timeout_seconds=timeout_seconds,
        ),
        secrets=Secrets(connections=[], variables=[]),
        snapshot_directory=str(root),
    )


class Bench:
    """Runs tasks of one DAG file against a control plane in memory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.plane = ControlPlane()

    def write(self, body: str, dag: str = "", top: str = "") -> None:
        """Write a DAG file whose DAG `d` has this body and further arguments, with this code before it."""
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        (self.root / "file.py").write_text(
            "from tradewind.sdk import *\n"
            "from tradewind.sdk.exceptions import *\n"
            "from tradewind.sdk.standard.operators.bash import BashOperator\n"
            "from tradewind.sdk.standard.operators.empty import EmptyOperator\n"
            "from tradewind.sdk.standard.operators.python import PythonOperator\n"
            f"{top}\nwith DAG('d', {dag}):\n{lines or '    pass'}\n"
        )

    def run(
        self, body: str | None = None, task_id: str = "a", loaded: LoadedFile | None = None, **more: Any
    ) -> Outcome:
        """Run a task of the file."""
        if body is not None:
            self.write(body)
        self.plane.task_id = task_id
        return run_activity(assignment(self.root, task_id, **more), self.plane, loaded)

    def returned(self, body: str | None = None, task_id: str = "a", **more: Any) -> Any:
        """What a task that succeeds returned."""
        outcome = self.run(body, task_id, **more)
        assert isinstance(outcome, TaskSucceeded), outcome
        kept = {entry.key: entry.value for entry in outcome.xcoms}.get("return_value")
        return read_value(kept, ClassPatterns())

    def failed(self, body: str | None = None, task_id: str = "a", **more: Any) -> TaskFailed:
        """How a task failed."""
        outcome = self.run(body, task_id, **more)
        assert isinstance(outcome, TaskFailed), outcome
        return outcome

    def skipped(self, body: str) -> TaskSkipped:
        """How a task was skipped."""
        outcome = self.run(body)
        assert isinstance(outcome, TaskSkipped), outcome
        return outcome

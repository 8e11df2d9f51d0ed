"""What the processes of a worker run: activities of the contract. Importing it imports all that they need."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import uuid
from typing import Any

import msgspec

from tradewind import sdk
from tradewind.sdk import runtime
from tradewind.sdk.authoring.callables import learn
from tradewind.sdk.authoring.secret_source import forbid_outside_source
from tradewind.sdk.authoring.templating import make_ready
from tradewind.sdk.client.frame_transport import FrameTransport
from tradewind.sdk.contract import (
    Assignment,
    CodeReference,
    DagRunContext,
    DagRunType,
    ExecuteTask,
    Isolation,
    OnCut,
    Result,
    Secrets,
    SupervisorFrame,
    TaskSucceeded,
    TaskTryReference,
    decode,
    encode,
)
from tradewind.sdk.standard.operators import bash, empty, python  # noqa: F401 - most DAG files use them
from tradewind.sdk.worker.channel import Channel

_REHEARSALS = 16  # CPython 3.11 adapts a function's code after eight calls


def load_dag_file(snapshot_directory: str, file: str) -> runtime.LoadedFile:
    """Import a DAG file of a snapshot, see `child.Runner`."""
    forbid_outside_source()
    loaded = runtime.load_for_many(snapshot_directory, file)
    tasks = [task for dag in loaded.dags.values() for task in dag.tasks]
    make_ready(tasks)
    for task in tasks:
        if callable(function := getattr(task, "python_callable", None)):
            learn(function)
    return loaded


def run_activity(assignment: bytes, channel: Channel, log_descriptor: int, loaded: object | None) -> bytes:
    """Run an activity, see `child.Runner`."""
    forbid_outside_source()
    outcome = runtime.run_activity(
        decode(Assignment, assignment),
        FrameTransport(channel),
        loaded if isinstance(loaded, runtime.LoadedFile) else None,
        log_descriptor=log_descriptor,
    )
    return encode(Result(outcome=outcome))


def prepare() -> None:
    """Do once in the zygote what each child would else do for itself, see `child.Runner`."""
    for name in sdk.__all__:  # they are loaded when they are first used
        getattr(sdk, name)
    types: tuple[Any, ...] = (Assignment, SupervisorFrame)
    for type_ in types:  # a decoder is built when it is first used
        with contextlib.suppress(msgspec.DecodeError):
            decode(type_, b"")
    _rehearse()


def _rehearse() -> None:
    """Run a task that does nothing: what Python and its libraries keep about code that has run is then there to share.

    A child saves a fifth of the memory pages that it would else have to copy, which is most of what it costs.
    """
    with sdk.DAG(dag_id="rehearsal") as dag:
        sdk.task(_nothing)()
    loaded = runtime.LoadedFile(directory="/", file="rehearsal.py", dags={dag.dag_id: dag})
    body = encode(_assignment(dag.dag_id, _nothing.__name__))
    log_descriptor = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    for _ in range(_REHEARSALS):
        result = decode(Result, run_activity(body, Channel(-1), log_descriptor, loaded))
        if not isinstance(result.outcome, TaskSucceeded):
            raise RuntimeError(  # noqa: TRY004 - an outcome, not a wrong type
                f"This worker cannot run a task that does nothing: {result.outcome}"
            )
    os.close(log_descriptor)


def _nothing() -> None:
    pass


def _assignment(dag_id: str, task_id: str) -> Assignment:
    now = dt.datetime.now(dt.UTC)
    none = str(uuid.UUID(int=0))
    digest = f"sha256:{0:064}"
    return Assignment(
        dispatch_id=none,
        activity=ExecuteTask(
            task_try=TaskTryReference(
                dag_id=dag_id, run_id=dag_id, task_id=task_id, map_index=-1, try_number=1, try_id=none
            ),
            dag_run=DagRunContext(
                dag_id=dag_id,
                run_id=dag_id,
                run_type=DagRunType.MANUAL,
                run_after=now,
                logical_date=now,
                conf={},
                dag_version=1,
            ),
            code=CodeReference(bundle=dag_id, snapshot=digest, file="rehearsal.py"),
            max_tries=1,
            isolation=Isolation.FORK,
            on_cut=OnCut.CONTINUE,
        ),
        secrets=Secrets(connections=[], variables=[]),
        snapshot_directory="/",
    )

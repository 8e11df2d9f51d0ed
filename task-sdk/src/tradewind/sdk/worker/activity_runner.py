"""What the processes of a worker run: activities of the contract. Importing it imports all that they need."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import os
import socket
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
from tradewind.sdk.worker import channel as channel_module
from tradewind.sdk.worker import child, descriptors, forker, lifeline, linux, page_layout
from tradewind.sdk.worker.channel import Channel

_REHEARSALS = 10  # CPython 3.11 adapts a function's code after eight calls


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
    if loaded is None:  # whatever has loaded it has done so already
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
    if not _rehearse():  # the first time much is imported and looked at
        raise RuntimeError("This worker cannot run a task that does nothing.")
    called = page_layout.functions_called_by(_rehearse)
    called |= page_layout.functions_called_by(linux.rehearse_fork)
    page_layout.gather(called, (channel_module, child, descriptors, forker, lifeline, linux))
    for _ in range(_REHEARSALS):
        linux.rehearse_fork()
        _rehearse()


def make_ready_to_fork(loaded: object) -> None:
    """Do in a warm parent what each of its children would else do for itself, see `child.Runner`."""
    # An import may have changed what every task uses; how its own tasks then end is shown by their tries.
    for _ in range(_REHEARSALS):
        _rehearse()
    runtime.make_log_ready()
    if isinstance(loaded, runtime.LoadedFile):
        runtime.copy_ahead(task for dag in loaded.dags.values() for task in dag.tasks)


@functools.cache
def _rehearsal() -> runtime.LoadedFile:
    with sdk.DAG(dag_id="rehearsal") as dag:
        sdk.task(_nothing)()
    return runtime.LoadedFile(directory="/", file="rehearsal.py", dags={dag.dag_id: dag})


def _rehearse() -> bool:
    """Run a task that does nothing; whether it succeeded."""
    loaded = _rehearsal()
    (dag_id,) = loaded.dags
    ours, theirs = socket.socketpair()
    log_descriptor = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    with ours, theirs:
        supervisor, channel = Channel(ours.fileno()), Channel(theirs.fileno())
        supervisor.send(encode(_assignment(dag_id, _nothing.__name__)))
        channel.send(run_activity(channel.receive() or b"", channel, log_descriptor, loaded))
        result = decode(Result, supervisor.receive() or b"")
    os.close(log_descriptor)
    return isinstance(result.outcome, TaskSucceeded)


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

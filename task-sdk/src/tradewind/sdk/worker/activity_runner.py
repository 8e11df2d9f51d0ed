"""What the processes of a worker run: activities of the contract. Importing it imports all that they need."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from tradewind import sdk
from tradewind.sdk import runtime
from tradewind.sdk.client.frame_transport import FrameTransport
from tradewind.sdk.contract import Assignment, Result, SupervisorFrame, decode, encode
from tradewind.sdk.parsing.loading import LoadedFile
from tradewind.sdk.standard.operators import bash, empty, python  # noqa: F401 - most DAG files use them
from tradewind.sdk.worker.channel import Channel


def load_dag_file(snapshot_directory: str, file: str) -> LoadedFile:
    """Import a DAG file of a snapshot, see `child.Runner`."""
    return runtime.load_dag_file(snapshot_directory, file)


def run_activity(assignment: bytes, channel: Channel, log_descriptor: int, loaded: object | None) -> bytes:
    """Run an activity, see `child.Runner`."""
    outcome = runtime.run_activity(
        decode(Assignment, assignment),
        FrameTransport(channel),
        loaded if isinstance(loaded, LoadedFile) else None,
        log_descriptor=log_descriptor,
    )
    return encode(Result(outcome=outcome))


def _prepare() -> None:
    """Do once in the zygote what each child would else do for itself."""
    for name in sdk.__all__:  # they are loaded when they are first used
        getattr(sdk, name)
    types: tuple[Any, ...] = (Assignment, SupervisorFrame)
    for type_ in types:  # a decoder is built when it is first used
        with contextlib.suppress(msgspec.DecodeError):
            decode(type_, b"")


_prepare()

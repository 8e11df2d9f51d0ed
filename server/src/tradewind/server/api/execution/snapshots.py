"""Code: the manifest and the files of the snapshot that an activity runs, and of no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.server.api.execution.calls import OperationCall
from tradewind.server.api.execution.live import reads
from tradewind.server.contract import ProblemReason, SnapshotManifest
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import bundles

if TYPE_CHECKING:
    from tradewind.server.store import Transaction
    from tradewind.server.store.handouts import Dispatch

LEAST_TOGETHER_BYTES = 1 << 20
"""What workers may ask for at once, however small the body of a request must be."""


@reads
def get_snapshot(tx: Transaction, call: OperationCall, dispatch: Dispatch) -> SnapshotManifest:
    """The manifest of the dispatch's own snapshot."""
    return bundles.manifest(tx, dispatch.bundle, _own_snapshot(call, dispatch))


@reads
def get_snapshot_file(tx: Transaction, call: OperationCall, dispatch: Dispatch) -> bytes:
    """The content of one of its files."""
    path: str = call.parameters["path"]
    return bundles.file_content(tx, dispatch.bundle, _own_snapshot(call, dispatch), path)


@reads
def get_snapshot_files(tx: Transaction, call: OperationCall, dispatch: Dispatch) -> bytes:
    """The contents of several of its files, one after the other."""
    return bundles.file_contents(
        tx,
        dispatch.bundle,
        _own_snapshot(call, dispatch),
        call.body.digests,
        most_bytes=max(call.services.settings.api.max_body_bytes, LEAST_TOGETHER_BYTES),
    )


def _own_snapshot(call: OperationCall, dispatch: Dispatch) -> str:
    asked: str = call.parameters["snapshot"]
    if asked != dispatch.snapshot:
        raise Refused(
            ProblemReason.NOT_ALLOWED,
            "the activity runs another snapshot",
            field="snapshot",
            action="ask for the snapshot that the activity names",
        )
    return asked

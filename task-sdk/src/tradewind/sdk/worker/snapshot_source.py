"""Code from the server, in the name of the activity that runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tradewind.sdk.client.calls import AsyncTransport
from tradewind.sdk.contract import UNSET, SnapshotFilesRequest, SnapshotManifest, from_plain
from tradewind.sdk.worker.activity_calls import ActivityCalls
from tradewind.sdk.worker.code_cache import CodeUnavailable
from tradewind.sdk.worker.line import problem_of


class HttpSnapshotSource:
    """A `SnapshotSource` over HTTP: manifests and files may be too large for a frame of the session."""

    def __init__(self, calls: ActivityCalls, line: AsyncTransport) -> None:
        self._calls = calls
        self._line = line

    async def manifest(self, snapshot: str) -> SnapshotManifest:
        try:
            return from_plain(SnapshotManifest, await self._call("get_snapshot", {"snapshot": snapshot}))
        except msgspec.ValidationError as error:
            raise CodeUnavailable(f"the manifest of snapshot {snapshot} is not understood: {error}") from error

    async def content(self, snapshot: str, path: str) -> bytes:
        content = await self._call("get_snapshot_file", {"snapshot": snapshot, "path": path})
        if not isinstance(content, bytes):
            return b""  # a file without content
        return content

    async def contents(self, snapshot: str, digests: Sequence[str]) -> bytes:
        body = SnapshotFilesRequest(digests=list(digests))
        content = await self._call("get_snapshot_files", {"snapshot": snapshot}, body)
        return content if isinstance(content, bytes) else b""  # files without content

    async def _call(self, operation: str, parameters: dict[str, str], body: object = UNSET) -> Any:
        reply = await self._calls.call(operation, parameters, body=body, line=self._line)
        problem = problem_of(operation, reply)
        if problem is not None:
            what = parameters.get("path", "the manifest" if body is UNSET else "files")
            raise CodeUnavailable(
                f"the server does not give {what} of snapshot {parameters['snapshot']} "
                f"({problem.reason}): {problem.detail} {problem.action or ''}".strip()
            )
        return reply.body

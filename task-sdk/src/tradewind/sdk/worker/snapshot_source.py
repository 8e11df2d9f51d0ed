"""Code from the server, in the name of the activity that runs it."""

from __future__ import annotations

import msgspec

from tradewind.sdk.client.calls import AsyncTransport, Reply
from tradewind.sdk.contract import SnapshotManifest, decode
from tradewind.sdk.worker.activity_calls import ActivityCalls, problem_of
from tradewind.sdk.worker.code_cache import CodeUnavailable


class HttpSnapshotSource:
    """A `SnapshotSource` over HTTP: manifests and files may be too large for a frame of the session."""

    def __init__(self, calls: ActivityCalls, line: AsyncTransport) -> None:
        self._calls = calls
        self._line = line

    async def manifest(self, snapshot: str) -> SnapshotManifest:
        reply = await self._call("get_snapshot", {"snapshot": snapshot})
        try:
            return decode(SnapshotManifest, reply.body)
        except msgspec.DecodeError as error:
            raise CodeUnavailable(f"the manifest of snapshot {snapshot} is not understood: {error}") from error

    async def content(self, snapshot: str, path: str) -> bytes:
        return (await self._call("get_snapshot_file", {"snapshot": snapshot, "path": path})).body

    async def _call(self, operation: str, parameters: dict[str, str]) -> Reply:
        reply = await self._calls.call(operation, parameters, line=self._line)
        problem = problem_of(reply)
        if problem is not None:
            what = parameters.get("path", "the manifest")
            raise CodeUnavailable(
                f"the server does not give {what} of snapshot {parameters['snapshot']} "
                f"({problem.reason}): {problem.detail} {problem.action or ''}".strip()
            )
        return reply

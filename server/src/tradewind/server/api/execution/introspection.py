"""What the server says of itself to anyone."""

from __future__ import annotations

from tradewind.server.__about__ import __version__
from tradewind.server.api.execution.calls import OperationCall
from tradewind.server.contract import RELEASED, VERSION, ActivityKind, JsonWebKeySet, VersionInfo, VersionList


async def get_versions(call: OperationCall) -> VersionList:
    """Versions, limits and kinds on offer."""
    limits = call.services.settings.api
    return VersionList(
        versions=[VersionInfo(version=VERSION, released=RELEASED)],
        newest=VERSION,
        server_version=__version__,
        server_time=call.services.clock(),
        kinds=list(ActivityKind),
        max_frame_bytes=limits.max_frame_bytes,
        max_body_bytes=limits.max_body_bytes,
    )


async def get_signing_keys(call: OperationCall) -> JsonWebKeySet:
    """Public keys of execution tokens."""
    return call.services.signer.public_keys()

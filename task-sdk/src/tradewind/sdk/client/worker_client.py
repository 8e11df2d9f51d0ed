"""The operations that a worker calls, for itself and for its activities, one method each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from tradewind.sdk.client.calls import AsyncTransport, Call, accepted
from tradewind.sdk.contract import (
    OPERATIONS,
    UNSET,
    Delivery,
    LeaseRenewal,
    LeaseState,
    Outcome,
    OutcomeReceipt,
    Renewal,
    RenewRequest,
    SnapshotManifest,
    Started,
    StartRequest,
    VersionList,
    from_plain,
    to_plain,
)
from tradewind.sdk.exceptions import TradewindRuntimeError

Answer = TypeVar("Answer")


class WorkerClient:
    """Calls of a worker, over HTTP or over its session.

    Every method raises `ProblemError` when the call is refused and `ServerUnreachable` when no answer comes; whether
    to try again is the caller's business. `token` is the execution token of the activity that a call acts for.

    Args:
        transport: the way; it adds the worker's own credential where an operation needs it.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get_versions(self) -> VersionList:
        """Versions, limits and kinds that the server has on offer."""
        return await self._ask(VersionList, "get_versions", {})

    async def start_activity(self, dispatch_id: str, request: StartRequest) -> Delivery:
        """Exchange a ticket for its activity; the same nonce gets the same answer again."""
        return await self._ask(Delivery, "start_activity", {"dispatch_id": dispatch_id}, request)

    async def renew_token(self, dispatch_id: str, token: str) -> Renewal:
        """A new execution token for a live dispatch, in place of one that is valid or expired."""
        return await self._ask(Renewal, "renew_token", {"dispatch_id": dispatch_id}, RenewRequest(token=token))

    async def renew_leases(self, renewal: LeaseRenewal) -> LeaseState:
        """One sign of life for everything that the worker runs."""
        return await self._ask(LeaseState, "renew_leases", {}, renewal)

    async def report_started(self, dispatch_id: str, started: Started, *, token: str) -> None:
        """Tell that user code is about to run."""
        await self._send("report_started", {"dispatch_id": dispatch_id}, started, token=token)

    async def finish(self, dispatch_id: str, outcome: Outcome, *, token: str) -> OutcomeReceipt:
        """Record how an activity ended; a repeat of the same outcome gets the same receipt."""
        return await self._ask(OutcomeReceipt, "finish", {"dispatch_id": dispatch_id}, outcome, token=token)

    async def put_log_segment(self, dispatch_id: str, sequence: int, lines: str, *, token: str) -> None:
        """Append a segment, JSON lines, to the log of a try; a repeat of the same sequence number changes nothing."""
        parameters = {"dispatch_id": dispatch_id, "sequence": str(sequence)}
        call = Call("put_log_segment", parameters, text=lines, token=token)
        accepted(call, await self._transport.send(call))

    async def get_snapshot(self, snapshot: str, *, token: str) -> SnapshotManifest:
        """Manifest of the snapshot that the activity runs."""
        return await self._ask(SnapshotManifest, "get_snapshot", {"snapshot": snapshot}, token=token)

    async def get_snapshot_file(self, snapshot: str, path: str, *, token: str) -> bytes:
        """Content of a file of that snapshot."""
        body = await self._send("get_snapshot_file", {"snapshot": snapshot, "path": path}, token=token)
        if not isinstance(body, bytes):
            raise TradewindRuntimeError("get_snapshot_file works over HTTP only.")
        return body

    async def _ask(
        self,
        answer: type[Answer],
        operation: str,
        parameters: Mapping[str, str],
        body: msgspec.Struct | None = None,
        *,
        token: str | None = None,
    ) -> Answer:
        plain = await self._send(operation, parameters, body, token=token)
        try:
            return from_plain(answer, plain)
        except msgspec.ValidationError as error:
            raise TradewindRuntimeError(f"The answer to {operation} is not what the contract says: {error}.") from error

    async def _send(
        self,
        operation: str,
        parameters: Mapping[str, str],
        body: msgspec.Struct | None = None,
        *,
        token: str | None = None,
    ) -> Any:
        if OPERATIONS[operation].caller == "activity" and not token:
            raise TradewindRuntimeError(f"{operation} acts for an activity and needs its token.")
        call = Call(operation, parameters, UNSET if body is None else to_plain(body), token=token)
        return accepted(call, await self._transport.send(call)).body

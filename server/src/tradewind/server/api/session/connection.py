"""One connection of a worker: hello, then requests and offers from it, pushes and answers to it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from starlette.websockets import WebSocketDisconnect

from tradewind.server.api.execution.calls import Caller, Handler
from tradewind.server.api.execution.perform import Answer, audit_refusal, perform
from tradewind.server.api.problems import internal_error, problem
from tradewind.server.api.session.drains import relay_drain
from tradewind.server.api.session.frames import (
    FrameCall,
    called_operation,
    frames_of,
    read_frame,
    refused_frame,
    response_frame,
)
from tradewind.server.api.session.outgoing import OutgoingLine
from tradewind.server.api.versioning import negotiate
from tradewind.server.contract import (
    Hello,
    Offer,
    Problem,
    ProblemReason,
    Request,
    ServerFrame,
    Welcome,
    encode,
)
from tradewind.server.domain.refusals import Refused
from tradewind.server.executors.worker_session import SessionClosed
from tradewind.server.store import sessions

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from tradewind.server.api.services import Services
    from tradewind.server.auth.principals import WorkerPrincipal
    from tradewind.server.store.handouts import OpenedSession, WorkerBinding

log = logging.getLogger(__name__)

CLOSE_CODE_BASE: Final = 4000
"""A connection is closed with this plus the problem's HTTP status: codes of the application's own (RFC 6455)."""
_GOODBYE_SECONDS: Final = 2
"""Time that the last frame of a refused connection gets; a worker that reads nothing must not hold up the rest."""


class Connection:
    """Talks with one worker from the accepted WebSocket until it ends.

    Args:
        websocket: accepted.
        services: see `Services`.
        handlers: operation to handler.
        worker: who opened it; authenticated once, for the life of the connection.
    """

    def __init__(
        self, websocket: WebSocket, services: Services, handlers: Mapping[str, Handler], worker: WorkerPrincipal
    ) -> None:
        self._websocket = websocket
        self._services = services
        self._handlers = handlers
        self._owner = Caller(worker=worker)
        self._credential = worker.credential
        limits = services.session_limits
        self._line = OutgoingLine(
            max_frames=limits.line_frames,
            max_bytes=limits.line_bytes,
            max_message_bytes=services.settings.api.max_frame_bytes,
            on_overflow=self._overflowed,
        )
        self._received: deque[str] = deque()
        self._places = asyncio.Semaphore(limits.in_flight)
        self._requests: set[asyncio.Task[None]] = set()
        self._asides: set[asyncio.Task[None]] = set()
        self._stop: asyncio.Future[Refused] = asyncio.get_running_loop().create_future()
        self._binding: WorkerBinding | None = None
        self.queues: frozenset[str] = frozenset()

    @property
    def identity(self) -> WorkerBinding:
        """The worker session in the store; only after hello."""
        if self._binding is None:
            raise RuntimeError("the connection has not said hello")
        return self._binding

    def send(self, frame: ServerFrame) -> None:
        """Put a frame in line for the worker; never waits.

        Raises:
            SessionClosed: the connection is closed or its line is full.
        """
        self._line.put(encode(frame))

    def fence(self) -> None:
        """End the connection because a newer one of the same worker instance took its place."""
        self._end(
            Refused(
                ProblemReason.STALE_CONNECTION,
                "a newer connection of this worker instance is open",
                action="use the newer connection, or start with another instance_id",
            )
        )

    async def run(self) -> None:
        """Converse until the worker goes or is refused. The store knows of the end when this returns."""
        reader = asyncio.create_task(self._read(), name="worker connection reader")
        sender = asyncio.create_task(self._line.drain(self._websocket.send_text), name="worker connection sender")
        try:
            ends: set[asyncio.Future[Any]] = {reader, sender, self._stop}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            await self._say_goodbye(reader, sender)
        finally:
            self._line.close()
            if self._binding is not None:
                self._services.executor.disconnect(self)
                self._services.connections.leave(self)
            await _cancel(reader, sender, *self._requests, *self._asides)
            await self._mark_disconnected()

    async def _read(self) -> None:
        hello = await self._first_frame()
        negotiate(hello.api_version, field="api_version")
        await self._open(hello)
        while True:
            frame = await self._next_frame()
            if isinstance(frame, Request):
                await self._places.acquire()
                task = asyncio.create_task(self._answer(frame), name=f"session request {frame.operation}")
                self._requests.add(task)
                task.add_done_callback(self._answered)
            elif isinstance(frame, Offer):
                await self._take_offer(frame)
            else:
                raise Refused(
                    ProblemReason.UNEXPECTED_FRAME, "hello is the first frame only", field="frame", action="reconnect"
                )

    async def _first_frame(self) -> Hello:
        seconds = self._services.session_limits.hello_seconds
        try:
            async with asyncio.timeout(seconds):
                frame = await self._next_frame()
        except TimeoutError:
            raise Refused(
                ProblemReason.UNEXPECTED_FRAME,
                f"no hello arrived within {seconds:g} seconds",
                field="frame",
                action="send hello as soon as the connection is open",
            ) from None
        if not isinstance(frame, Hello):
            raise Refused(
                ProblemReason.UNEXPECTED_FRAME, "the first frame is hello", field="frame", action="send hello first"
            )
        return frame

    async def _next_frame(self) -> Hello | Request | Offer:
        if not self._received:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005))
            self._received.extend(frames_of(message.get("text")))
        return read_frame(self._received.popleft(), self._services.settings.api.max_frame_bytes)

    async def _open(self, hello: Hello) -> None:
        services = self._services

        opened = await services.store.write(lambda tx: sessions.open_session(tx, self._credential, hello))
        self._binding = opened.binding
        self.queues = frozenset(hello.queues)
        if not services.connections.admit(self):
            self.fence()
            return
        self.send(self._welcome(opened))
        services.executor.ended([*opened.ended, *opened.lost])
        services.executor.connect(self, hello.capacity, opened.live)
        drains = relay_drain(services.store, opened.binding.session_id, self.send)
        self._asides.add(asyncio.create_task(drains, name="drain of a worker"))
        await services.dispatcher.deliver_again(opened.redeliver)

    def _welcome(self, opened: OpenedSession) -> Welcome:
        settings = self._services.settings
        return Welcome(
            session_id=opened.binding.session_id,
            connection_epoch=opened.binding.connection_epoch,
            worker=opened.binding.worker,
            lease_seconds=settings.workers.lease_seconds,
            renew_every_seconds=settings.workers.renew_every_seconds,
            max_frame_bytes=settings.api.max_frame_bytes,
            max_body_bytes=settings.api.max_body_bytes,
            server_time=self._services.clock(),
            ended=opened.ended,
        )

    async def _take_offer(self, offer: Offer) -> None:
        binding = self.identity
        await self._services.store.write(lambda tx: sessions.update_offer(tx, binding, offer.capacity))
        self._services.executor.offer(self, offer.capacity)

    async def _answer(self, frame: Request) -> None:
        try:
            operation = called_operation(frame)
        except Refused as refusal:
            await audit_refusal(self._services, self._owner, "unknown_operation", refusal)
            document = problem(refusal)
            answer = Answer(document.status, document)
        else:
            call = FrameCall(operation, frame, self.identity, self._owner)
            answer = await perform(self._services, self._handlers, call)
        try:
            written = response_frame(frame.request_id, answer)
        except ValueError as error:
            # It belongs to this request: the connection has others.
            document = internal_error(error, frame.operation)
            written = response_frame(frame.request_id, Answer(document.status, document))
        self._line.put(written)
        if isinstance(answer.result, Problem) and answer.result.reason is ProblemReason.STALE_CONNECTION:
            self.fence()

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._requests.discard(task)
        self._places.release()
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not isinstance(error, SessionClosed):
            self._end(_unexpected(error))

    def _overflowed(self) -> None:
        self._end(
            Refused(
                ProblemReason.TOO_BUSY,
                "the worker does not read fast enough what is sent to it",
                action="reconnect and read",
                retry_after_seconds=1,
            )
        )

    def _end(self, refusal: Refused) -> None:
        if not self._stop.done():
            self._stop.set_result(refusal)

    async def _say_goodbye(self, reader: asyncio.Task[None], sender: asyncio.Task[None]) -> None:
        refusal = self._refusal(reader, sender)
        if refusal is None:
            return
        self._line.close()
        # What is half sent stays whole: a frame leaves in one piece or, with this, not at all.
        await _cancel(sender)
        await audit_refusal(self._services, self._owner, "open_session", refusal)
        document = problem(refusal)
        try:
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self._websocket.send_text(refused_frame(refusal).decode("utf-8"))
                await self._websocket.close(CLOSE_CODE_BASE + document.status, refusal.reason.value)
        except (TimeoutError, WebSocketDisconnect, RuntimeError) as error:
            log.info("worker %s could not be told %s: %s", self._credential.name, refusal.reason, error)

    def _refusal(self, reader: asyncio.Task[None], sender: asyncio.Task[None]) -> Refused | None:
        """Why the connection ends; None when the worker itself went."""
        if self._stop.done():
            return self._stop.result()
        error = (reader if reader.done() else sender).exception()
        if error is None or isinstance(error, WebSocketDisconnect):
            return None
        return error if isinstance(error, Refused) else _unexpected(error)

    async def _mark_disconnected(self) -> None:
        binding = self._binding
        if binding is None:
            return
        try:
            await self._services.store.write(lambda tx: sessions.mark_disconnected(tx, binding))
        except Refused as error:
            # Its lease runs out all the same: this write only shows the end sooner.
            log.warning("worker %s is shown as connected until its lease ends: %s", binding.worker, error)


def _unexpected(error: BaseException) -> Refused:
    document = internal_error(error, "open_session")
    return Refused(document.reason, document.detail, action=document.action)


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

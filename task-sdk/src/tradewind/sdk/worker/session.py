"""The worker session: one WebSocket for deliveries, calls and signs of life, opened again after every cut."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from tradewind.sdk import contract
from tradewind.sdk.client.calls import Call, Reply
from tradewind.sdk.contract import (
    Cancel,
    Deliver,
    Delivery,
    Drain,
    Hello,
    LeaseRenewal,
    LeaseState,
    Offer,
    ProblemReason,
    Response,
    Tail,
    Welcome,
)
from tradewind.sdk.worker.line import DEFAULT_MAX_BODY_BYTES, Backoff, HttpLine, problem_of
from tradewind.sdk.worker.outgoing import Outgoing
from tradewind.sdk.worker.session_frames import (
    FRAME_FAULTS,
    TOO_LARGE,
    OpenRefused,
    decode_addressee,
    decode_frame,
    refused_handshake,
    request_frame,
)

logger = logging.getLogger("tradewind.worker")

VERSION_HEADER = "Tradewind-API-Version"
_OPEN_SECONDS = 10.0
_CLOSE_SECONDS = 1.0
_FIRST_PING_SECONDS = 5.0
_LARGEST_FRAME = 64 * 1024 * 1024
_STABLE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 5.0
_COMPLAIN_AGAIN_SECONDS = 30.0
_DISPATCHES_A_RENEWAL = 10_000
_HTTP_ONLY = frozenset({"get_snapshot_file", "get_snapshot_files"})
_BY_HTTP_INSTEAD = frozenset({ProblemReason.FRAME_TOO_LARGE, ProblemReason.HTTP_ONLY})


class SessionOwner(Protocol):
    """Who runs the activities that come over the session. No method waits."""

    def hello(self) -> Hello:
        """What the worker says of itself on a new connection."""
        ...

    def welcomed(self, hello: Hello, welcome: Welcome) -> None:
        """The connection is open; the server has taken note of `hello`."""
        ...

    def deliver(self, delivery: Delivery) -> None:
        """An activity to run."""
        ...

    def hand_back(self, dispatch_id: str, token: str, reason: str) -> None:
        """An activity that cannot be understood and so cannot be run."""
        ...

    def ended(self, dispatch_ids: list[str]) -> None:
        """These dispatches are not live any more: end them and report when that is done."""
        ...

    def dispatches(self) -> list[str]:
        """Dispatches that the worker runs or whose outcome it keeps."""
        ...

    def tail(self, dispatch_id: str, seconds: float) -> None:
        """Somebody reads the log of this dispatch for so long: send it as it comes."""
        ...

    def drain(self, message: str) -> None:
        """Take no more work, and stop when what runs has ended."""
        ...


@dataclass(slots=True)
class _Waiting:
    """A call without an answer yet, and the connection that it was sent on last."""

    frame: bytes
    answer: asyncio.Future[Reply]
    sent_on: ClientConnection | None = None


class SessionTransport:
    """A `Line` over the worker session.

    Calls that wait for an answer when the connection is cut are sent again on the next one; the server knows each of
    them again. What does not fit a frame goes over HTTP.
    """

    def __init__(self, *, api_url: str, token: str, instance_id: str, http: HttpLine, owner: SessionOwner) -> None:
        parts = urlsplit(api_url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        self._uri = urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + "/execution/session", "", ""))
        self._headers = {"Authorization": f"Bearer {token}", VERSION_HEADER: contract.VERSION}
        self._instance_id = instance_id
        self._http = http
        self._owner = owner
        self._connection: ClientConnection | None = None
        self._outgoing = Outgoing()
        self._waiting: dict[int, _Waiting] = {}
        self._last_request_id = 0
        self._max_frame_bytes = 0
        self._complained: tuple[str, float] = ("", 0.0)
        self._backoff = Backoff()
        self.max_body_bytes = DEFAULT_MAX_BODY_BYTES
        self.last_sign_of_life = asyncio.get_running_loop().time()

    def is_cut(self) -> bool:
        return self._connection is None

    async def send(self, call: Call) -> Reply:
        """Make the call, however long it takes until the server answers."""
        if call.operation in _HTTP_ONLY:
            return await self._http.send(call)
        self._last_request_id += 1
        request_id = self._last_request_id
        frame = request_frame(request_id, call)
        if self._max_frame_bytes and len(frame) > self._max_frame_bytes:
            return await self._http.send(call)
        waiting = _Waiting(frame, asyncio.get_running_loop().create_future())
        self._waiting[request_id] = waiting
        try:
            if self._connection is not None:
                self._put(self._connection, waiting)
            reply = await waiting.answer
        finally:
            del self._waiting[request_id]
        if (problem := problem_of(call.operation, reply)) is not None and problem.reason in _BY_HTTP_INSTEAD:
            return await self._http.send(call)
        return reply

    async def offer(self, capacity: dict[str, int]) -> None:
        """Tell the server that the capacity changed; it is part of the next hello anyway."""
        if self._connection is not None:
            self._outgoing.put(contract.encode(Offer(capacity=capacity)))

    async def run(self) -> None:
        """Keep a connection open for ever.

        Raises:
            SessionRefused: the server refuses this worker for good.
        """
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._hold_connection()
                why = "the server closed it"
            except InvalidStatus as error:
                why = refused_handshake(error.response.status_code, bytes(error.response.body or b""))
            except (OSError, WebSocketException, TimeoutError, msgspec.DecodeError) as error:
                why = f"{type(error).__name__}: {error}"
            if loop.time() - began > _STABLE_SECONDS:
                self._backoff.reset()
            self._complain(why)
            await asyncio.sleep(self._backoff.pause())

    async def _hold_connection(self) -> None:
        connection = await connect(
            self._uri,
            additional_headers=self._headers,
            user_agent_header=None,
            compression=None,
            open_timeout=_OPEN_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=_FIRST_PING_SECONDS,
            ping_timeout=_FIRST_PING_SECONDS,
            max_size=_LARGEST_FRAME,
            max_queue=256,
            logger=logging.getLogger("tradewind.worker.websocket"),
        )
        asides: list[asyncio.Task[None]] = []
        try:
            welcome = await self._greet(connection)
            self._outgoing = Outgoing(welcome.max_frame_bytes)
            asides.append(asyncio.create_task(self._drain(connection), name="session sender"))
            self._send_again(connection)
            asides.append(asyncio.create_task(self._renew(welcome.renew_every_seconds), name="lease renewal"))
            while True:
                for frame in (await connection.recv(decode=False)).split(b"\n"):
                    self._handle(frame)
        finally:
            self._connection = None
            for aside in asides:
                aside.cancel()
            await connection.close()

    async def _greet(self, connection: ClientConnection) -> Welcome:
        hello = self._owner.hello()
        sent = asyncio.get_running_loop().time()
        await connection.send(contract.encode(hello), text=True)
        async with asyncio.timeout(_OPEN_SECONDS):
            first, *others = (await connection.recv(decode=False)).split(b"\n")
            welcome = decode_frame(first)
        if isinstance(welcome, OpenRefused):
            raise ConnectionRefusedError(welcome.error())
        if not isinstance(welcome, Welcome):
            raise ConnectionRefusedError(f"the first frame was {type(welcome).__name__} instead of a welcome")
        self.last_sign_of_life = sent
        self._max_frame_bytes = welcome.max_frame_bytes
        self.max_body_bytes = self._http.max_body_bytes = welcome.max_body_bytes
        # After an outage leases count from recovery: whoever came back later than that would be given up for it.
        self._backoff.at_most(min(_LONGEST_PAUSE_SECONDS, welcome.renew_every_seconds))
        # A dead connection is noticed when the lease ends, and a server that has a lot to do is not taken for dead.
        connection.ping_interval = welcome.renew_every_seconds
        connection.ping_timeout = max(welcome.lease_seconds - welcome.renew_every_seconds, 1.0)
        self._complained = ("", 0.0)
        logger.info(
            "session opened worker=%s session=%s connection_epoch=%d lease_seconds=%g",
            welcome.worker,
            welcome.session_id,
            welcome.connection_epoch,
            welcome.lease_seconds,
        )
        self._owner.welcomed(hello, welcome)
        for frame in others:
            self._handle(frame)
        return welcome

    def _send_again(self, connection: ClientConnection) -> None:
        """Send what has no answer yet in the order of the calls, before anything new goes out."""
        for waiting in self._waiting.values():
            if waiting.answer.done():
                continue
            if len(waiting.frame) > self._max_frame_bytes:
                waiting.answer.set_result(TOO_LARGE)
            else:
                self._put(connection, waiting)
        self._connection = connection

    def _send_by_http_instead(self) -> None:
        """One of the calls makes a frame that the server does not take: apart from each other, each gets its answer."""
        for waiting in self._waiting.values():
            if waiting.sent_on is not None and not waiting.answer.done():
                waiting.answer.set_result(TOO_LARGE)

    async def _drain(self, connection: ClientConnection) -> None:
        try:
            await self._outgoing.drain(partial(connection.send, text=True))
        except WebSocketException:
            return  # its reader sees that it is cut, too

    def _put(self, connection: ClientConnection, waiting: _Waiting) -> None:
        waiting.sent_on = connection
        self._outgoing.put(waiting.frame)

    def _handle(self, data: bytes) -> None:
        try:
            frame = decode_frame(data)
        except msgspec.ValidationError as error:
            # A delivery that this worker does not understand must not wait here for ever.
            addressee = decode_addressee(data).delivery
            self._owner.hand_back(addressee.dispatch_id, addressee.token, f"the delivery is not understood: {error}")
            return
        if isinstance(frame, Response):
            waiting = self._waiting.get(frame.request_id)
            if waiting is not None and not waiting.answer.done():
                waiting.answer.set_result(Reply(frame.status, frame.body))
        elif isinstance(frame, Deliver):
            self._owner.deliver(frame.delivery)
        elif isinstance(frame, Cancel):
            logger.info("cancel dispatch=%s reason=%r", frame.dispatch_id, frame.message)
            self._owner.ended([frame.dispatch_id])
        elif isinstance(frame, Tail):
            self._owner.tail(frame.dispatch_id, frame.seconds)
        elif isinstance(frame, Drain):
            self._owner.drain(frame.message)
        elif isinstance(frame, OpenRefused):
            problem = frame.error()
            if problem.reason in FRAME_FAULTS:
                self._send_by_http_instead()
            raise ConnectionResetError(problem)

    async def _renew(self, every: float) -> None:
        """Tell the server all `every` seconds, on this connection, that the worker lives and what it has."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(every)
            sent = loop.time()
            dispatches = self._owner.dispatches()
            for start in range(0, max(len(dispatches), 1), _DISPATCHES_A_RENEWAL):
                state = await self._renew_some(dispatches[start : start + _DISPATCHES_A_RENEWAL])
                if state is not None:
                    self.last_sign_of_life = sent
                    self._owner.ended(state.ended)

    async def _renew_some(self, dispatches: list[str]) -> LeaseState | None:
        renewal = LeaseRenewal(instance_id=self._instance_id, dispatches=dispatches)
        reply = await self.send(Call("renew_leases", {}, contract.to_plain(renewal)))
        try:
            problem = problem_of("renew_leases", reply)
            if problem is None:
                return contract.from_plain(LeaseState, reply.body)
            logger.warning("lease was not renewed reason=%s detail=%r", problem.reason, problem.detail)
        except msgspec.ValidationError as error:
            logger.warning("lease was renewed with an answer that is not understood error=%s", error)
        return None

    def _complain(self, why: str) -> None:
        """Log a cut when it is news, and now and then while it lasts."""
        said, when = self._complained
        now = asyncio.get_running_loop().time()
        if why != said or now - when > _COMPLAIN_AGAIN_SECONDS:
            self._complained = (why, now)
            logger.warning("no session with %s reason=%r: trying again", self._uri, why)

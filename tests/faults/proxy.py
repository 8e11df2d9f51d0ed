"""A way between worker and API servers that can be cut, swallow what it is given, and garble a worker session."""

import asyncio
import contextlib
import heapq
import random
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.faults.frames import CLOSE, Frame, read_frame

T = TypeVar("T")
Address = tuple[str, int]
_CHUNK = 65_536
_SESSION = b"GET /execution/session"


@dataclass(frozen=True)
class Garbling:
    """How frames of a session are treated; hello and welcome are left alone, for without them there is no session.

    Attributes:
        doubled: share of the frames that arrive twice.
        late: share that arrives later, while others pass.
        longest: seconds that one is late at most.
        seed: of the choice.
    """

    doubled: float
    late: float
    longest: float
    seed: int


class Proxy:
    """Listens on a port of its own, and connects to the first backend that takes a connection.

    Args:
        backends: where to; tried in turn.

    Attributes:
        port: where it listens.
        receipts: dispatch and digest of each outcome that a server was seen to acknowledge to the worker.
        lost: operations whose reply was dropped, in order.
    """

    def __init__(self, backends: Sequence[Address]) -> None:
        self.backends = list(backends)
        self.receipts: list[tuple[str, str]] = []
        self.lost: list[str] = []
        self.port = 0
        self._turn = 0
        self._loop = asyncio.new_event_loop()
        self._links: set[_Link] = set()
        self._refusing = False
        self._swallowing = False
        self._garbling: Garbling | None = None
        self._to_lose: set[str] = set()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._ask(self._listen())

    def cut(self) -> None:
        """Cut every connection and take no new one, until `mend`."""

        def work() -> None:
            self._refusing = True
            self._drop_links()

        self._do(work)

    def swallow(self) -> None:
        """Take everything and pass nothing on, until `mend`: both ends believe in their connection."""
        self._do(lambda: setattr(self, "_swallowing", True))

    def garble(self, how: Garbling | None) -> None:
        """Double, delay and reorder frames of sessions from now on."""
        self._do(lambda: setattr(self, "_garbling", how))

    def lose_reply(self, *operations: str) -> None:
        """Drop the next successful reply to each of these operations, with the connection that it comes over."""
        self._do(lambda: self._to_lose.update(operations))

    def mend(self) -> None:
        """Work as one expects from now on; connections that something was swallowed from are cut."""

        def work() -> None:
            if self._swallowing:
                self._drop_links()
            self._refusing = self._swallowing = False
            self._garbling = None
            self._to_lose.clear()

        self._do(work)

    def close(self) -> None:
        """End it with every connection."""

        async def end() -> None:
            self._refusing = True
            if self._server is not None:
                self._server.close()
            links = list(self._links)
            self._drop_links()
            await asyncio.gather(*(link.task for link in links if link.task), return_exceptions=True)
            await self._loop.shutdown_asyncgens()

        self._ask(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def swallowing(self) -> bool:
        return self._swallowing

    @property
    def garbling(self) -> Garbling | None:
        return self._garbling

    def loses(self, operation: str) -> bool:
        """Tell whether a reply is to be dropped now, and take note of it."""
        if operation not in self._to_lose:
            return False
        self._to_lose.discard(operation)
        self.lost.append(operation)
        return True

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        link = _Link(self, reader, writer, asyncio.current_task())
        self._links.add(link)
        try:
            await link.carry(await self._connect())
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._links.discard(link)
            link.drop()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for attempt in range(len(self.backends)):
            host, port = self.backends[(self._turn + attempt) % len(self.backends)]
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(host, port, limit=_CHUNK)
        raise ConnectionRefusedError("no backend takes a connection")

    def turn(self) -> None:
        """Prefer the next backend from now on."""
        self._do(lambda: setattr(self, "_turn", self._turn + 1))

    def _drop_links(self) -> None:
        for link in list(self._links):
            link.drop()

    def _do(self, work: Callable[[], object]) -> None:
        async def run() -> None:
            work()

        self._ask(run())

    def _ask(self, work: Coroutine[Any, Any, T]) -> T:
        asked: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return asked.result(30)


class _Link:
    """One connection through a proxy."""

    def __init__(
        self,
        proxy: Proxy,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        task: asyncio.Task[Any] | None,
    ) -> None:
        self.task = task
        self._proxy = proxy
        self._near = reader, writer
        self._far: asyncio.StreamWriter | None = None
        self._asked: dict[int, dict[str, Any]] = {}
        self._garbled = 0

    def drop(self) -> None:
        """Cut both ends, as when a cable is pulled."""
        self._near[1].transport.abort()
        if self._far is not None:
            self._far.transport.abort()

    async def carry(self, far: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        self._far = far[1]
        head = await self._near[0].readuntil(b"\r\n")
        far[1].write(head)
        ways: tuple[Awaitable[None], ...]
        if head.startswith(_SESSION):
            far[1].write(await self._near[0].readuntil(b"\r\n\r\n"))
            self._near[1].write(await far[0].readuntil(b"\r\n\r\n"))
            up, down = self._messages(self._near[0], far[1], up=True), self._messages(far[0], self._near[1], up=False)
            ways = (up, down)
        else:
            ways = (self._bytes(self._near[0], far[1]), self._bytes(far[0], self._near[1]))
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _bytes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if not self._proxy.swallowing:
                writer.write(data)
                await writer.drain()

    async def _messages(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        line = _Line(writer)
        seen = 0
        sender = asyncio.ensure_future(line.send())
        try:
            while True:
                frame = await read_frame(reader)
                if self._proxy.swallowing:
                    continue
                seen += frame.is_message
                if frame.is_message and seen > 1 and self._is_lost(frame, up=up):
                    self.drop()
                    return
                if self._proxy.garbling is None or not frame.is_message or seen == 1:
                    line.put(frame, [0.0])
                else:
                    for part in frame.apart():
                        line.put(part, self._delays())
                if frame.opcode == CLOSE:
                    await line.empty()
                    return
        finally:
            sender.cancel()

    def _delays(self) -> list[float]:
        how = self._proxy.garbling
        if how is None:
            return [0.0]
        self._garbled += 1
        choice = random.Random(how.seed * 7919 + self._garbled)
        times = 2 if choice.random() < how.doubled else 1
        return [choice.uniform(0, how.longest) if choice.random() < how.late else 0.0 for _ in range(times)]

    def _is_lost(self, frame: Frame, *, up: bool) -> bool:
        """Look at a message: remember what was asked, and tell whether an answer in it gets lost here."""
        said = frame.said()
        if up:
            self._asked |= {one["request_id"]: one for one in said if one["frame"] == "request"}
            return False
        return any(self._is_lost_answer(one) for one in said)

    def _is_lost_answer(self, said: dict[str, Any]) -> bool:
        if said["frame"] != "response" or said["status"] >= 400:
            return False
        asked = self._asked.get(said["request_id"])
        if asked is None:
            return False
        if self._proxy.loses(asked["operation"]):
            return True
        if asked["operation"] == "finish":
            self._proxy.receipts.append((said["body"]["dispatch_id"], said["body"]["digest"]))
        return False


class _Line:
    """Frames on their way to one end, each with a moment before which it does not arrive."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._waiting: list[tuple[float, int, bytes]] = []
        self._count = 0
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()

    def put(self, frame: Frame, delays: Sequence[float]) -> None:
        now = asyncio.get_running_loop().time()
        for delay in delays:
            self._count += 1
            heapq.heappush(self._waiting, (now + delay, self._count, frame.raw))
        self._idle.clear()
        self._changed.set()

    async def empty(self) -> None:
        """Wait until everything has been passed on."""
        await self._idle.wait()

    async def send(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            if not self._waiting:
                self._idle.set()
                await self._changed.wait()
                continue
            pause = self._waiting[0][0] - loop.time()
            if pause > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), pause)
                continue
            self._writer.write(heapq.heappop(self._waiting)[2])
            await self._writer.drain()

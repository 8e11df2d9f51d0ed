"""A server for the tests of the worker: real sockets, HTTP and WebSocket, and answers that a test decides."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from tests.worker.fake_calls import Received, http_call, read_head
from tradewind.sdk.contract import OPERATIONS, Hello, Offer, WorkerFrame, decode

WAIT_SECONDS = 30.0


@dataclass
class Refusal:
    """An answer that is a problem document."""

    status: int
    reason: str
    more: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        fixed = {"type": "about:blank", "title": self.reason, "detail": f"test says {self.reason}"}
        return {**fixed, "status": self.status, "reason": self.reason, **self.more}


Answer = tuple[int, bytes]
Handler = Callable[[Received], "Answer | Refusal"]


class Connection:
    """One WebSocket connection of the worker."""

    def __init__(self, number: int, protocol: ServerProtocol, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.protocol = protocol
        self.writer = writer
        self.deaf = False

    def send(self, frame: dict[str, Any]) -> None:
        if self.protocol.state is OPEN:
            self.protocol.send_text(json.dumps(frame).encode())
            self.flush()

    def flush(self) -> None:
        for data in self.protocol.data_to_send():
            if not data:  # the end of the closing handshake
                self.writer.close()
            elif not self.writer.is_closing():
                self.writer.write(data)


class FakeServer:
    """Speaks the frames and operations of the contract; keeps what came in `calls`, `hellos`, `offers`."""

    def __init__(self) -> None:
        self.calls: list[Received] = []
        self.hellos: list[Hello] = []
        self.offers: list[dict[str, int]] = []
        self.connections: list[Connection] = []
        self.handshakes: list[Request] = []
        self.refusals: defaultdict[str, deque[Refusal]] = defaultdict(deque)
        self.handlers: dict[str, Handler] = {}
        self.held: set[str] = set()
        self.answer_to_hello: Refusal | None = None
        self.answer_to_handshake: Refusal | None = None
        self.poison: str | None = None
        self.ended: list[str] = []
        self.lease_seconds = 15.0
        self.renew_every_seconds = 5.0
        self.max_frame_bytes = 1024 * 1024
        self.max_body_bytes = 4 * 1024 * 1024
        self.token_seconds = 600.0
        self.takeover_after_seconds = 300.0
        self.snapshots: dict[str, dict[str, bytes]] = {}
        self.logs: defaultdict[str, dict[int, str]] = defaultdict(dict)
        self.outcomes: dict[str, Any] = {}
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shut_down()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def shut_down(self) -> None:
        """Stop to listen and cut what is open."""
        if self._server is not None:
            self._server.close()
        self.cut()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def cut(self) -> None:
        """Cut all connections without a word."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait until something that came makes the condition true, and return it."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not (found := condition()):
                self._changed.clear()
                await self._changed.wait()
            return found

    async def connected(self, times: int) -> None:
        """Wait until the worker has been welcomed so often."""
        await self.until(lambda: len(self.connections) >= times)

    def of(self, operation: str) -> list[Received]:
        return [call for call in self.calls if call.operation == operation]

    def publish(self, files: dict[str, str]) -> str:
        """Offer these files as a snapshot."""
        contents = {path: text.encode() for path, text in files.items()}
        lines = [f"{path}\0{hashlib.sha256(contents[path]).hexdigest()}\n" for path in sorted(contents)]
        digest = hashlib.sha256("".join(lines).encode()).hexdigest()
        self.snapshots[digest] = contents
        return digest

    def task(self, script: str, **changes: Any) -> dict[str, Any]:
        """A delivery of a try whose file is this script."""
        activity = {
            "kind": "execute_task",
            "task_try": {
                "dag_id": "d",
                "run_id": "r",
                "task_id": "t",
                "map_index": -1,
                "try_number": 1,
                "try_id": str(uuid.uuid4()),
            },
            "dag_run": {
                "dag_id": "d",
                "run_id": "r",
                "run_type": "manual",
                "run_after": _now(),
                "conf": {},
                "dag_version": 1,
            },
            "max_tries": 1,
            "isolation": changes.pop("isolation", "fork"),
            "on_cut": changes.pop("on_cut", "continue"),
            **changes.pop("activity", {}),
        }
        return self._delivery(activity, script, changes)

    def parse(self, script: str, timeout_seconds: float = 30.0, **changes: Any) -> dict[str, Any]:
        """A delivery of a parse whose file is this script."""
        activity = {"kind": "parse_dag_file", "parse_id": str(uuid.uuid4()), "timeout_seconds": timeout_seconds}
        return self._delivery(activity, script, changes)

    def deliver(self, delivery: dict[str, Any]) -> str:
        """Push it over the newest connection; its dispatch id."""
        self.connections[-1].send({"frame": "deliver", "delivery": delivery})
        return str(delivery["dispatch_id"])

    def push(self, **frame: Any) -> None:
        """Send any frame over the newest connection."""
        self.connections[-1].send(frame)

    def cancel(self, dispatch_id: str) -> None:
        self.connections[-1].send({"frame": "cancel", "dispatch_id": dispatch_id, "message": "cleared"})

    async def outcome(self, dispatch_id: str) -> Any:
        """The outcome of the dispatch, once it is acknowledged."""
        await self.until(lambda: dispatch_id in self.outcomes)
        return self.outcomes[dispatch_id]

    def starts(self) -> list[Any]:
        """What was told of starts, by itself or with the outcome."""
        with_outcomes = [call.body["started"] for call in self.of("finish") if "started" in call.body]
        return [call.body for call in self.of("report_started")] + with_outcomes

    def log(self, dispatch_id: str) -> list[dict[str, Any]]:
        """The records of the log of a dispatch, in the order of its segments."""
        segments = self.logs[dispatch_id]
        assert sorted(segments) == list(range(len(segments)))
        return [json.loads(line) for number in sorted(segments) for line in segments[number].splitlines()]

    def _delivery(self, activity: dict[str, Any], script: str, changes: dict[str, Any]) -> dict[str, Any]:
        snapshot = self.publish({"script.py": script})
        activity["code"] = {"bundle": "dags", "snapshot": snapshot, "file": "script.py", "code_id": snapshot}
        delivery = {
            "dispatch_id": str(uuid.uuid4()),
            "activity": activity,
            "token": "execution-token",
            "token_expires_at": _now(self.token_seconds),
            "takeover_after_seconds": self.takeover_after_seconds,
            "secrets": {"connections": [], "variables": []},
            "contract": "2026-12-01",
        }
        return {**delivery, **changes}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while head := await read_head(reader):
                if b"upgrade: websocket" in head.lower():
                    await self._serve_session(head, reader, writer)
                    return
                await self._serve_http(head, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _serve_http(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, *header_lines = head.decode().split("\r\n")
        method, target, _ = line.split(" ")
        headers = {name.lower(): value for name, _, value in (text.partition(": ") for text in header_lines if text)}
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        assert headers["tradewind-api-version"] == "2026-12-01"
        call = http_call(method, target, headers, content)
        status, body = await self._answer(call)
        media = OPERATIONS[call.operation].response_media or "application/json"
        media = "application/problem+json" if status >= 400 else media
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nContent-Type: {media}\r\n\r\n".encode() + body
        )
        await writer.drain()

    async def _serve_session(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        protocol = ServerProtocol()
        connection = Connection(len(self.connections) + 1, protocol, writer)
        protocol.receive_data(head + b"\r\n\r\n")
        request = protocol.events_received()[0]
        assert isinstance(request, Request)
        self.handshakes.append(request)
        if self.answer_to_handshake is not None:
            document = json.dumps(self.answer_to_handshake.document())
            protocol.send_response(protocol.reject(self.answer_to_handshake.status, document))
            connection.flush()
            self._changed.set()
            return
        protocol.send_response(protocol.accept(request))
        connection.flush()
        self._changed.set()
        message = b""
        while data := await reader.read(65536):
            protocol.receive_data(data)
            if connection.deaf:
                continue
            for event in protocol.events_received():
                if isinstance(event, Frame) and event.opcode in {Opcode.TEXT, Opcode.CONT}:
                    message += bytes(event.data)
                    if event.fin:
                        for frame in message.split(b"\n"):
                            self._receive(connection, frame)
                        message = b""
            connection.flush()

    def _receive(self, connection: Connection, message: bytes) -> None:
        frame = decode(WorkerFrame, message)
        if isinstance(frame, Hello):
            self._greet(connection, frame)
        elif isinstance(frame, Offer):
            self.offers.append(frame.capacity)
        elif self.poison is not None and self.poison.encode() in message:
            connection.send({"frame": "refused", "problem": Refusal(400, "malformed_frame").document()})
            connection.writer.close()
        else:
            raw = json.loads(message)
            call = Received(
                frame.operation,
                frame.parameters,
                frame.token,
                raw.get("body"),
                frame.text,
                "session",
                connection.number,
            )
            task = asyncio.create_task(self._respond(connection, frame.request_id, call))
            task.add_done_callback(lambda done: done.cancelled() or done.result())
        self._changed.set()

    def _greet(self, connection: Connection, hello: Hello) -> None:
        self.hellos.append(hello)
        if self.answer_to_hello is not None:
            connection.send({"frame": "refused", "problem": self.answer_to_hello.document()})
            return
        self.connections.append(connection)
        announced = {*hello.live, *hello.spooled}
        connection.send(
            {
                "frame": "welcome",
                "session_id": str(uuid.uuid4()),
                "connection_epoch": connection.number,
                "worker": "w1",
                "lease_seconds": self.lease_seconds,
                "renew_every_seconds": self.renew_every_seconds,
                "max_frame_bytes": self.max_frame_bytes,
                "max_body_bytes": self.max_body_bytes,
                "server_time": _now(),
                "ended": [dispatch_id for dispatch_id in self.ended if dispatch_id in announced],
            }
        )

    async def _respond(self, connection: Connection, request_id: int, call: Received) -> None:
        status, body = await self._answer(call)
        frame: dict[str, Any] = {"frame": "response", "request_id": request_id, "status": status}
        if body:
            frame["body"] = json.loads(body)
        connection.send(frame)

    async def _answer(self, call: Received) -> Answer:
        self.calls.append(call)
        self._changed.set()
        while call.operation in self.held:
            self._changed.clear()
            await self._changed.wait()
        if self.refusals[call.operation]:
            answer: Answer | Refusal = self.refusals[call.operation].popleft()
        else:
            answer = self.handlers.get(call.operation, self._usual)(call)
        self._changed.set()
        if isinstance(answer, Refusal):
            return answer.status, json.dumps(answer.document()).encode()
        return answer

    def release(self, operation: str) -> None:
        """Answer what was held."""
        self.held.discard(operation)
        self._changed.set()

    def _usual(self, call: Received) -> Answer | Refusal:
        dispatch_id = call.parameters.get("dispatch_id", "")
        match call.operation:
            case "finish":
                self.outcomes.setdefault(dispatch_id, call.body)
                digest = hashlib.sha256(json.dumps(call.body, sort_keys=True).encode()).hexdigest()
                return _json({"dispatch_id": dispatch_id, "digest": digest, "recorded_at": _now()})
            case "put_log_segment":
                self.logs[dispatch_id][int(call.parameters["sequence"])] = call.text or ""
                return 204, b""
            case "report_started" | "set_xcom":
                return 204, b""
            case "renew_leases":
                ended = [known for known in self.ended if known in call.body["dispatches"]]
                return _json({"lease_seconds": self.lease_seconds, "ended": ended})
            case "renew_token":
                return _json({"token": f"{call.body['token']}+", "token_expires_at": _now(self.token_seconds)})
            case "get_snapshot":
                snapshot = call.parameters["snapshot"]
                files = {
                    path: {"digest": hashlib.sha256(content).hexdigest(), "size": len(content)}
                    for path, content in self.snapshots[snapshot].items()
                }
                return _json({"snapshot": snapshot, "bundle": "dags", "files": files})
            case "get_snapshot_file":
                return 200, self.snapshots[call.parameters["snapshot"]][call.parameters["path"]]
            case "get_snapshot_files":
                contents = self.snapshots[call.parameters["snapshot"]].values()
                found = {hashlib.sha256(content).hexdigest(): content for content in contents}
                return 200, b"".join(found[digest] for digest in call.body["digests"])
        return Refusal(404, "not_found")


def _json(value: object) -> Answer:
    return 200, json.dumps(value).encode()


def _now(seconds: float = 0.0) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)).isoformat()

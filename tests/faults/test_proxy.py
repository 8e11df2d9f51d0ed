"""The proxy of the tests does to frames what it says, and nothing else."""

import asyncio
import json
import threading
from collections.abc import Iterator

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import Server, ServerConnection, serve

from tests.faults.frames import Frame, read_frame
from tests.faults.proxy import Garbling, Proxy

BIG = "x" * 70_000


def echo(connection: ServerConnection) -> None:
    """Answer each request of a message, as the session does: all answers in one message."""
    for message in connection:
        assert isinstance(message, str)
        asked = [json.loads(line) for line in message.split("\n")]
        connection.send("\n".join(json.dumps({"frame": "response", "status": 200, **one["answer"]}) for one in asked))


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    server: Server = serve(echo, "127.0.0.1", 0, compression=None)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    made = Proxy([("127.0.0.1", server.socket.getsockname()[1])])
    yield made
    made.close()
    server.shutdown()
    thread.join()


def session(proxy: Proxy) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{proxy.port}/execution/session", compression=None, max_size=None, close_timeout=1)


def ask(*numbers: int, operation: str = "finish", pad: str = "") -> str:
    return "\n".join(
        json.dumps(
            {
                "frame": "request",
                "request_id": number,
                "operation": operation,
                "answer": {"request_id": number, "pad": pad, "body": {"dispatch_id": str(number), "digest": "d"}},
            }
        )
        for number in numbers
    )


def heard(message: str | bytes) -> list[int]:
    return [json.loads(line)["request_id"] for line in str(message).split("\n")]


def test_messages_pass_unchanged_and_receipts_are_noted(proxy: Proxy) -> None:
    with session(proxy) as client:
        client.send(ask(1))
        assert heard(client.recv()) == [1]
        client.send(ask(2, 3, pad=BIG))
        assert heard(client.recv()) == [2, 3]
    assert proxy.receipts == [("2", "d"), ("3", "d")]  # what is said first is the greeting


def test_garbled_frames_come_doubled_late_and_apart(proxy: Proxy) -> None:
    with session(proxy) as client:
        client.send(ask(1))
        client.recv()
        proxy.garble(Garbling(doubled=1.0, late=1.0, longest=0.05, seed=3))
        numbers = list(range(2, 12))
        client.send(ask(*numbers, pad=BIG))
        found = [number for _ in range(4 * len(numbers)) for number in heard(client.recv(5))]
    assert sorted(found) == sorted(4 * numbers)
    assert found != sorted(found)


def test_a_lost_reply_takes_its_connection_along_once(proxy: Proxy) -> None:
    proxy.lose_reply("finish")
    with session(proxy) as client:
        client.send(ask(1, operation="other"))
        client.recv()
        client.send(ask(2))
        with pytest.raises(Exception, match="no close frame"):
            client.recv(5)
    assert proxy.lost == ["finish"]
    assert proxy.receipts == []
    with session(proxy) as client:
        for number in (1, 2):
            client.send(ask(number))
            assert heard(client.recv()) == [number]


def test_what_is_cut_is_refused_and_what_is_swallowed_gets_no_answer(proxy: Proxy) -> None:
    with session(proxy) as client:
        client.send(ask(1))
        client.recv()
        proxy.swallow()
        client.send(ask(2))
        with pytest.raises(TimeoutError):
            client.recv(0.2)
        proxy.mend()
    proxy.cut()
    with pytest.raises((OSError, WebSocketException)):
        session(proxy)
    proxy.mend()
    with session(proxy) as client:
        client.send(ask(1))
        assert heard(client.recv()) == [1]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("masked", [True, False])
def test_a_frame_that_is_taken_apart_can_be_read(size: int, masked: bool) -> None:
    async def test() -> list[bytes]:
        lines = [b"x" * size, b"y"]
        raw = bytes([0x81, 0x80 if masked else 0])
        found = []
        for part in Frame(1, True, b"\n".join(lines), raw).apart():
            reader = asyncio.StreamReader()
            reader.feed_data(part.raw)
            found.append((await read_frame(reader)).payload)
        return found

    assert asyncio.run(test()) == [b"x" * size, b"y"]

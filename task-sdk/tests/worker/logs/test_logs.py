import asyncio
import json
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tradewind.sdk.contract import LogLevel, LogSource
from tradewind.sdk.masking import Masker
from tradewind.sdk.worker import logs
from tradewind.sdk.worker.logs import LogCollector, SegmentRefused


class Trip:
    """A collector, the pipe that it reads, and the server that it sends to."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "logs" / "d1"
        self.segments: dict[int, str] = {}
        self.open = asyncio.Event()
        self.open.set()
        self.changed = asyncio.Event()
        self.cut = False
        self.refuse = False
        self.asked = 0
        self.reading, self.writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.collector = LogCollector(
            masks=Masker(), send=self._send, is_cut=lambda: self.cut, spill_directory=self.directory
        )
        self.collector.attach({LogSource.STDOUT: self.reading})

    async def _send(self, sequence: int, text: str) -> None:
        self.asked += 1
        self.changed.set()
        await self.open.wait()
        if self.refuse:
            raise SegmentRefused("dispatch_ended: it has ended")
        assert sequence not in self.segments
        self.segments[sequence] = text
        self.changed.set()

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def write(self, data: bytes) -> None:
        """Write like user code does, which waits while the pipe is full."""
        view = memoryview(data)
        loop = asyncio.get_running_loop()
        while view:
            try:
                view = view[os.write(self.writing, view) :]
            except BlockingIOError:
                writable = loop.create_future()
                loop.add_writer(self.writing, writable.set_result, None)
                await writable
                loop.remove_writer(self.writing)

    def end(self) -> None:
        os.close(self.writing)

    def messages(self) -> list[str]:
        assert sorted(self.segments) == list(range(len(self.segments)))
        return [json.loads(line)["message"] for _, text in sorted(self.segments.items()) for line in text.splitlines()]


def travel(tmp_path: Path, work: Callable[[Trip], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(30):
            await work(Trip(tmp_path))

    asyncio.run(run())


def test_output_is_in_the_log_when_the_flush_returns(tmp_path: Path) -> None:
    async def work(trip: Trip) -> None:
        await trip.write(b"one\ntwo\nthree")
        trip.end()
        await trip.collector.flush()
        assert trip.messages() == ["one", "two", "three"]
        assert list(trip.segments) == [0]
        await trip.collector.close()

    travel(tmp_path, work)


def test_no_output_makes_no_request(tmp_path: Path) -> None:
    async def work(trip: Trip) -> None:
        trip.end()
        await trip.collector.flush()
        await trip.collector.close()
        assert trip.asked == 0

    travel(tmp_path, work)


def test_a_segment_leaves_after_a_second_at_most(tmp_path: Path) -> None:
    async def work(trip: Trip) -> None:
        began = asyncio.get_running_loop().time()
        for number in range(5):
            await trip.write(f"{number}\n".encode())
        await trip.until(lambda: trip.segments)
        assert 0.9 < asyncio.get_running_loop().time() - began < 10.0
        assert trip.messages() == ["0", "1", "2", "3", "4"]
        trip.end()
        await trip.collector.close()

    travel(tmp_path, work)


def test_much_output_makes_segments_of_bounded_size(tmp_path: Path) -> None:
    async def work(trip: Trip) -> None:
        lines = [f"line {number} {'x' * 100}" for number in range(10_000)]
        await trip.write("\n".join(lines).encode())
        trip.end()
        await trip.collector.flush()
        assert trip.messages() == lines
        assert max(map(len, trip.segments.values())) < logs.SEGMENT_BYTES + 1000
        await trip.collector.close()

    travel(tmp_path, work)


def test_user_code_waits_while_the_server_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "UNSENT_BYTES", 500_000)

    async def work(trip: Trip) -> None:
        trip.open.clear()
        lines = [f"{number:0100}" for number in range(20_000)]
        writing = asyncio.create_task(trip.write("\n".join(lines).encode()))
        await trip.until(lambda: trip.asked)
        await asyncio.sleep(0.3)
        assert not writing.done()
        assert not trip.directory.exists()
        trip.open.set()
        await writing
        trip.end()
        await trip.collector.flush()
        assert trip.messages() == lines
        await trip.collector.close()

    travel(tmp_path, work)


@pytest.mark.parametrize("cut", [True, False])
def test_user_code_does_not_wait_for_a_server_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: bool
) -> None:
    monkeypatch.setattr(logs, "UNSENT_BYTES", 500_000)
    monkeypatch.setattr(logs, "PATIENCE_SECONDS", 0.2)

    async def work(trip: Trip) -> None:
        trip.open.clear()
        trip.cut = cut
        lines = [f"{number:0100}" for number in range(20_000)]
        await trip.write("\n".join(lines).encode())
        assert list(trip.directory.iterdir())
        trip.end()
        trip.cut = False
        trip.open.set()
        await trip.collector.flush()
        assert trip.messages() == lines
        await trip.collector.close()
        assert not trip.directory.exists()

    travel(tmp_path, work)


def test_what_does_not_fit_the_disk_is_dropped_with_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "UNSENT_BYTES", 500_000)
    monkeypatch.setattr(logs, "SPILL_BYTES", 1_000_000)

    async def work(trip: Trip) -> None:
        trip.open.clear()
        trip.cut = True
        await trip.write("\n".join(f"{number:0100}" for number in range(40_000)).encode())
        trip.end()
        trip.cut = False
        trip.open.set()
        await trip.collector.flush()
        found = trip.messages()
        assert found[0] == f"{0:0100}"
        assert found[-1] == f"{39_999:0100}"
        assert any("bytes of output were dropped here" in message for message in found)
        await trip.collector.close()

    travel(tmp_path, work)


def test_the_flush_waits_for_a_server_that_is_away_but_not_for_one_that_does_not_answer(tmp_path: Path) -> None:
    async def work(trip: Trip) -> None:
        trip.open.clear()
        trip.cut = True
        await trip.write(b"x\n")
        trip.end()
        flushing = asyncio.create_task(trip.collector.flush())
        await asyncio.sleep(1.3)
        assert not flushing.done()
        trip.cut = False
        await flushing
        assert not trip.segments
        await trip.collector.close()

    travel(tmp_path, work)


def test_segments_that_cannot_be_delivered_are_kept_where_the_log_of_the_worker_says(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(trip: Trip) -> None:
        trip.refuse = True
        await trip.write(b"last words\n")
        trip.end()
        await trip.collector.flush()
        await trip.collector.close()
        [kept] = trip.directory.iterdir()
        assert "last words" in kept.read_text()
        assert str(trip.directory) in caplog.text
        assert "dispatch_ended" in caplog.text

    travel(tmp_path, work)


def test_the_supervisor_speaks_in_the_log_too(tmp_path: Path) -> None:
    async def work(trip: Trip) -> None:
        trip.collector.note(LogLevel.WARNING, "the worker stops")
        trip.end()
        await trip.collector.flush()
        [record] = [json.loads(line) for line in trip.segments[0].splitlines()]
        assert (record["source"], record["level"], record["message"]) == ("supervisor", "warning", "the worker stops")
        await trip.collector.close()

    travel(tmp_path, work)

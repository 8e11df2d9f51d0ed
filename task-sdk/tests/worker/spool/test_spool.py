import asyncio
import os
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tradewind.sdk.worker.spool import Spool, SpoolRecord


def record(dispatch_id: str, text: bytes = b'{"outcome":"skipped"}') -> SpoolRecord:
    return SpoolRecord(dispatch_id=dispatch_id, token=f"token of {dispatch_id}", outcome=msgspec.Raw(text))


def with_spool(path: Path, work: Callable[[Spool], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        spool = Spool(path)
        await work(spool)
        await spool.close()

    asyncio.run(run())


def leave(path: Path, *dispatch_ids: str) -> None:
    """A worker wrote these outcomes and was killed before it could deliver them."""

    async def put_all(spool: Spool) -> None:
        for dispatch_id in dispatch_ids:
            assert await spool.put(record(dispatch_id))

    with_spool(path, put_all)


def pending(path: Path) -> dict[str, bytes]:
    return {key: bytes(value.outcome) for key, value in Spool(path).pending.items()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def test_an_outcome_survives_the_end_of_the_process(path: Path) -> None:
    leave(path, "d1", "d2")
    restored = Spool(path).pending
    assert list(restored) == ["d1", "d2"]
    assert restored["d2"].token == "token of d2"
    assert bytes(restored["d2"].outcome) == b'{"outcome":"skipped"}'
    assert restored["d2"].contract_version


def test_an_outcome_that_is_acknowledged_soon_is_never_written(path: Path) -> None:
    async def work(spool: Spool) -> None:
        written = spool.put(record("d1"), within=3600)
        assert list(spool.pending) == ["d1"]
        spool.acknowledge("d1")
        assert await written
        assert path.read_bytes() == b""
        assert not spool.pending

    with_spool(path, work)
    assert path.read_bytes() == b""


def test_an_outcome_that_is_acknowledged_while_its_write_waits_does_not_come_back(path: Path) -> None:
    async def work(spool: Spool) -> None:
        written = spool.put(record("d1"))
        spool.acknowledge("d1")
        assert await written
        await spool.put(record("d2"))
        assert list(pending(path)) == ["d2"]

    with_spool(path, work)


def test_an_outcome_that_is_not_acknowledged_soon_is_written(path: Path) -> None:
    async def work(spool: Spool) -> None:
        assert await spool.put(record("d1"), within=0.001)
        assert list(pending(path)) == ["d1"]

    with_spool(path, work)


def test_an_outcome_that_was_to_be_written_later_is_written_at_the_end(path: Path) -> None:
    async def work(spool: Spool) -> None:
        spool.put(record("d1"), within=3600)

    with_spool(path, work)
    assert list(pending(path)) == ["d1"]


def test_a_later_outcome_replaces_one_that_is_not_written_yet(path: Path) -> None:
    async def work(spool: Spool) -> None:
        first = spool.put(record("d1", b'{"outcome":"first"}'), within=3600)
        assert await spool.put(record("d1", b'{"outcome":"second"}'))
        assert await first

    with_spool(path, work)
    assert pending(path) == {"d1": b'{"outcome":"second"}'}


def test_an_acknowledged_outcome_is_forgotten(path: Path) -> None:
    async def work(spool: Spool) -> None:
        await spool.put(record("d1"))
        await spool.put(record("d2"))
        spool.acknowledge("d1")

    with_spool(path, work)
    assert list(pending(path)) == ["d2"]


def test_a_spool_in_which_all_is_acknowledged_is_empty_on_disk(path: Path) -> None:
    async def work(spool: Spool) -> None:
        await spool.put(record("d1"))
        spool.acknowledge("d1")

    with_spool(path, work)
    assert path.read_bytes() == b""


def test_a_later_outcome_of_a_dispatch_replaces_the_earlier(path: Path) -> None:
    async def work(spool: Spool) -> None:
        await spool.put(record("d1"))
        await spool.put(record("d1", b'{"outcome":"failed"}'))

    with_spool(path, work)
    assert pending(path) == {"d1": b'{"outcome":"failed"}'}


def test_outcomes_that_come_together_are_synced_together(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs: list[int] = []
    sync = os.fdatasync

    def counted(descriptor: int) -> None:
        syncs.append(descriptor)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", counted)

    async def work(spool: Spool) -> None:
        await asyncio.gather(*(spool.put(record(f"d{number}")) for number in range(100)))

    with_spool(path, work)
    # One more comes from closing a spool that still holds something.
    assert len(syncs) == 2
    assert len(pending(path)) == 100


def test_a_write_that_was_cut_off_at_any_byte_loses_that_record_only(path: Path) -> None:
    leave(path, "d1", "d2")
    whole = path.read_bytes()
    start = whole.index(b"\n") + 1
    for length in range(start, len(whole)):
        path.write_bytes(whole[:length])
        assert list(pending(path)) == ["d1"]
        assert path.read_bytes() == whole[:start]


def test_a_damaged_record_is_moved_aside_and_the_others_stay(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    leave(path, "d1", "d2", "d3")
    data = path.read_bytes()
    damaged = data.replace(b"token of d2", b"tokem of d2")
    path.write_bytes(damaged)
    assert list(pending(path)) == ["d1", "d3"]
    aside = path.with_name("spool.damaged")
    assert b"tokem of d2" in aside.read_bytes()
    assert str(aside) in caplog.text
    assert "handed out again" in caplog.text
    caplog.clear()
    assert list(pending(path)) == ["d1", "d3"]
    assert not caplog.records


@pytest.mark.parametrize("position", range(0, 180, 7))
def test_a_flipped_byte_never_yields_a_wrong_outcome(path: Path, position: int) -> None:
    leave(path, "d1", "d2")
    good = pending(path)
    data = bytearray(path.read_bytes())
    data[position] ^= 0x55
    path.write_bytes(data)
    assert pending(path).items() <= good.items()


def test_the_file_with_its_tokens_is_for_its_owner_only(path: Path) -> None:
    leave(path, "d1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_large_spool_shrinks_when_most_of_it_is_acknowledged(path: Path) -> None:
    large = b'{"outcome":"' + b"x" * 500_000 + b'"}'

    async def work(spool: Spool) -> None:
        await spool.put(record("kept"))
        for number in range(20):
            await spool.put(record(f"d{number}", large))
            spool.acknowledge(f"d{number}")
        assert path.stat().st_size < 6_000_000

    with_spool(path, work)
    assert list(pending(path)) == ["kept"]


def test_a_full_disk_keeps_outcomes_in_memory_and_writes_them_when_there_is_room(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    async def work(spool: Spool) -> None:
        with monkeypatch.context() as disk:
            disk.setattr(os, "pwrite", full)
            assert not await spool.put(record("d1"))
            assert not await spool.put(record("d2"))
        assert list(spool.pending) == ["d1", "d2"]
        assert "kept in memory" in caplog.text
        spool.acknowledge("d1")
        assert await spool.put(record("d3"))

    with_spool(path, work)
    assert list(pending(path)) == ["d2", "d3"]


def test_a_write_that_stops_half_way_leaves_no_trace(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.pwrite

    def half(descriptor: int, data: memoryview, offset: int) -> int:
        if len(data) < 40:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[: len(data) // 2], offset)

    async def work(spool: Spool) -> None:
        with monkeypatch.context() as disk:
            disk.setattr(os, "pwrite", half)
            assert not await spool.put(record("d1"))
        assert await spool.put(record("d2"))

    with_spool(path, work)
    assert sorted(pending(path)) == ["d1", "d2"]

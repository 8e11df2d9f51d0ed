import asyncio
import hashlib
import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tradewind.sdk.contract import SnapshotFile, SnapshotManifest
from tradewind.sdk.worker.code_cache import CodeCache, CodeUnavailable, digest_of_files


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Server:
    """Serves bundles; an answer can be held back, damaged or refused."""

    def __init__(self, *bundles: dict[str, bytes]) -> None:
        self.bundles = {digest_of_files({path: sha256(c) for path, c in files.items()}): files for files in bundles}
        self.asked: Counter[str] = Counter()
        self.was_asked = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()
        self.refuse = False
        self.damage = False

    @property
    def digests(self) -> list[str]:
        return list(self.bundles)

    async def manifest(self, snapshot: str) -> SnapshotManifest:
        self.asked["manifest"] += 1
        self.was_asked.set()
        await self.open.wait()
        if self.refuse:
            raise CodeUnavailable("the dispatch has ended")
        files = {
            path: SnapshotFile(digest=sha256(content), size=len(content))
            for path, content in self.bundles[snapshot].items()
        }
        return SnapshotManifest(snapshot=snapshot, bundle="dags", files=files)

    async def content(self, snapshot: str, path: str) -> bytes:
        self.asked[path] += 1
        return self.bundles[snapshot][path] + (b"!" if self.damage else b"")

    async def contents(self, snapshot: str, digests: Sequence[str]) -> bytes:
        self.asked["together"] += 1
        files = {sha256(content): (path, content) for path, content in self.bundles[snapshot].items()}
        self.asked.update(files[digest][0] for digest in digests)
        return (b"!" if self.damage else b"") + b"".join(files[digest][1] for digest in digests)


def open_cache(tmp_path: Path, budget: int = 1_000_000) -> CodeCache:
    return CodeCache(tmp_path / "code", budget_bytes=budget)


def test_a_snapshot_is_a_folder_of_read_only_files(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server({"dag.py": b"import lib.a", "lib/a.py": b"A = 1", "lib/empty.py": b""})
        folder = await open_cache(tmp_path).pin(server.digests[0], server)
        found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
        assert {name: path.read_bytes() for name, path in found.items()} == server.bundles[server.digests[0]]
        assert {stat.S_IMODE(path.stat().st_mode) for path in found.values()} == {0o444}

    asyncio.run(run())


def test_activities_that_need_the_same_snapshot_share_one_download(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server({"dag.py": b"x"})
        cache = open_cache(tmp_path)
        folders = await asyncio.gather(*(cache.pin(server.digests[0], server) for _ in range(50)))
        assert len(set(folders)) == 1
        assert server.asked == {"manifest": 1, "dag.py": 1}

    asyncio.run(run())


def test_a_cached_snapshot_is_not_asked_for_again_by_a_later_worker(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server({"dag.py": b"x"})
        await open_cache(tmp_path).pin(server.digests[0], server)
        server.refuse = True
        assert (await open_cache(tmp_path).pin(server.digests[0], server) / "dag.py").read_bytes() == b"x"

    asyncio.run(run())


def test_only_files_that_changed_are_fetched(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server({"a.py": b"a", "b.py": b"b"}, {"a.py": b"a", "b.py": b"changed"})
        cache = open_cache(tmp_path)
        for digest in server.digests:
            await cache.pin(digest, server)
        assert server.asked["a.py"] == 1
        assert server.asked["b.py"] == 2

    asyncio.run(run())


def test_small_files_come_together_and_a_large_one_alone(tmp_path: Path) -> None:
    async def run() -> None:
        large = bytes(2 * 1024 * 1024)
        server = Server({"large": large} | {f"f{number}.py": str(number).encode() for number in range(1200)})
        folder = await open_cache(tmp_path, budget=2**30).pin(server.digests[0], server)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == server.bundles[server.digests[0]]
        assert server.asked["together"] == 3
        assert set(server.asked.values()) == {1, 3}

    asyncio.run(run())


def test_files_that_come_together_are_refused_when_one_is_damaged(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server({"dag.py": b"x", "lib.py": b"y"})
        cache = open_cache(tmp_path)
        server.damage = True
        with pytest.raises(CodeUnavailable, match=r"\.py arrived with digest"):
            await cache.pin(server.digests[0], server)
        server.damage = False
        assert (await cache.pin(server.digests[0], server) / "dag.py").read_bytes() == b"x"

    asyncio.run(run())


def test_a_damaged_file_is_refused_and_fetched_anew(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server({"dag.py": b"x"})
        cache = open_cache(tmp_path)
        server.damage = True
        with pytest.raises(CodeUnavailable, match=r"dag\.py arrived with digest"):
            await cache.pin(server.digests[0], server)
        server.damage = False
        assert (await cache.pin(server.digests[0], server) / "dag.py").read_bytes() == b"x"

    asyncio.run(run())


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.py", "a/../../x.py", "a//b.py", "./a.py", "a\0b.py", "a/./b.py"])
def test_a_manifest_that_leaves_its_folder_is_refused(tmp_path: Path, path: str) -> None:
    async def run() -> None:
        server = Server({path: b"x"})
        with pytest.raises(CodeUnavailable, match="no plain relative path"):
            await open_cache(tmp_path).pin(server.digests[0], server)

    asyncio.run(run())


def test_the_manifest_of_another_snapshot_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server({"dag.py": b"x"}, {"dag.py": b"y"})
        first, second = server.digests
        server.bundles[first] = server.bundles[second]
        with pytest.raises(CodeUnavailable, match="arrived damaged"):
            await open_cache(tmp_path).pin(first, server)

    asyncio.run(run())


def test_the_end_of_the_activity_that_downloads_does_not_fail_the_others(tmp_path: Path) -> None:
    async def run() -> None:
        ended, live = Server({"dag.py": b"x"}), Server({"dag.py": b"x"})
        digest = live.digests[0]
        cache = open_cache(tmp_path)
        ended.open.clear()
        ended.refuse = True
        first = asyncio.create_task(cache.pin(digest, ended))
        await ended.was_asked.wait()
        second = asyncio.create_task(cache.pin(digest, live))
        ended.open.set()
        with pytest.raises(CodeUnavailable):
            await first
        assert (await second / "dag.py").exists()

    asyncio.run(run())


def test_a_killed_activity_leaves_its_download_to_the_others(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server({"dag.py": b"x"})
        cache = open_cache(tmp_path)
        server.open.clear()
        first, second = (asyncio.create_task(cache.pin(server.digests[0], server)) for _ in range(2))
        await server.was_asked.wait()
        first.cancel()
        server.open.set()
        assert (await second / "dag.py").exists()
        assert server.asked["manifest"] == 1

    asyncio.run(run())


def test_the_longest_unused_snapshot_goes_first_and_a_pinned_one_stays(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server(*({"dag.py": bytes([number]) * 1000} for number in range(4)))
        pinned, unused, used, last = server.digests
        cache = open_cache(tmp_path, budget=3500)
        folders = {digest: await cache.pin(digest, server) for digest in (pinned, unused, used)}
        cache.unpin(unused)
        await cache.pin(used, server)
        cache.unpin(used)
        cache.unpin(used)
        folders[last] = await cache.pin(last, server)
        assert [folders[digest].exists() for digest in server.digests] == [True, False, True, True]
        assert sum(path.stat().st_size for path in (tmp_path / "code" / "blobs").iterdir()) == 3000
        assert (await cache.pin(unused, server) / "dag.py").read_bytes() == server.bundles[unused]["dag.py"]

    asyncio.run(run())


def test_after_a_start_of_the_machine_the_cache_begins_empty(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server({"dag.py": b"x"})
        folder = await open_cache(tmp_path).pin(server.digests[0], server)
        (tmp_path / "code" / "boot").write_text("another boot")
        cache = open_cache(tmp_path)
        assert not folder.exists()
        await cache.pin(server.digests[0], server)
        assert server.asked["dag.py"] == 2

    asyncio.run(run())


def test_what_a_killed_worker_left_half_done_is_removed(tmp_path: Path) -> None:
    async def run() -> None:
        server = Server({"dag.py": b"x"})
        await open_cache(tmp_path).pin(server.digests[0], server)
        root = tmp_path / "code"
        (root / "snapshots" / "abc.123").mkdir()
        (root / "blobs" / "abc.123").write_bytes(b"half")
        open_cache(tmp_path)
        assert [path.name for path in (root / "snapshots").iterdir()] == server.digests
        assert [path.name for path in (root / "blobs").iterdir()] == [sha256(b"x")]

    asyncio.run(run())

"""Code on this host by digest: snapshots as folders of hard links to the files that they share."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import shutil
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeAlias
from uuid import uuid4

from tradewind.sdk.contract import SnapshotManifest
from tradewind.sdk.worker.process_tree import boot_id

logger = logging.getLogger("tradewind.worker")

_DOWNLOADS_AT_ONCE = 8
_FILES_TOGETHER = 500
_BYTES_TOGETHER = 1024 * 1024
"""What is asked for at once: far below what the server answers at most. A larger file comes alone."""


_Batch: TypeAlias = Sequence[tuple[str, tuple[str, int]]]
"""Files by digest, each with a path at which it is found and its size in bytes."""


class CodeUnavailable(Exception):
    """The code of an activity cannot be had; the message says why and what to do."""


class SnapshotSource(Protocol):
    """Where the parts of a snapshot come from, in the name of one activity."""

    async def manifest(self, snapshot: str) -> SnapshotManifest:
        """The manifest of the snapshot with this digest."""
        ...

    async def content(self, snapshot: str, path: str) -> bytes:
        """The bytes of one of its files."""
        ...

    async def contents(self, snapshot: str, digests: Sequence[str]) -> bytes:
        """The bytes of several of its files, one after the other."""
        ...


class CodeCache:
    """Snapshots by digest, shared by all activities of the worker.

    Concurrent requests for a snapshot share one download, and snapshots share equal files. A snapshot that a live
    activity uses is pinned; of the others the longest unused go first when the files outgrow the budget. Nothing is
    synced to disk: after a start of the machine the cache begins empty.
    """

    def __init__(self, root: Path, *, budget_bytes: int) -> None:
        """Use the folder `root`, which belongs to this cache alone.

        Raises:
            OSError: the folder cannot be written.
        """
        self._budget = budget_bytes
        self._blobs = root / "blobs"
        self._snapshots = root / "snapshots"
        self._pins: dict[str, int] = {}
        self._downloads: dict[str, asyncio.Task[None]] = {}
        self._changing = asyncio.Lock()
        _begin(root)
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._snapshots.mkdir(exist_ok=True)
        self._used = _finished_snapshots(self._snapshots)
        self._bytes = sum(entry.stat().st_size for entry in os.scandir(self._blobs))
        self._remove_unused_blobs()

    async def pin(self, digest: str, source: SnapshotSource) -> Path:
        """The folder with the files of a snapshot, which stays until `unpin`.

        Args:
            digest: digest of the snapshot.
            source: asked for what this host lacks.

        Raises:
            CodeUnavailable: the server does not give the code, or gives other code than was asked for.
            OSError: it cannot be written here.
        """
        self._pins[digest] = self._pins.get(digest, 0) + 1
        try:
            while digest not in self._used:
                await self._download(digest, source)
        except BaseException:
            self.unpin(digest)
            raise
        self._used.move_to_end(digest)
        return self._snapshots / digest

    def unpin(self, digest: str) -> None:
        """End of one `pin`."""
        self._pins[digest] -= 1
        if not self._pins[digest]:
            del self._pins[digest]

    async def close(self) -> None:
        """End the downloads under way."""
        downloads = list(self._downloads.values())
        for download in downloads:
            download.cancel()
        await asyncio.gather(*downloads, return_exceptions=True)

    async def _download(self, digest: str, source: SnapshotSource) -> None:
        download = self._downloads.get(digest)
        own = download is None
        if download is None:
            download = asyncio.create_task(self._fetch(digest, source), name=f"snapshot {digest}")
            download.add_done_callback(_retrieve)
            self._downloads[digest] = download
        await asyncio.wait([download])
        # Another activity's download may fail for reasons of its own, such as its end: then this one tries itself.
        if own:
            download.result()

    async def _fetch(self, digest: str, source: SnapshotSource) -> None:
        try:
            async with self._changing:
                manifest = await source.manifest(digest)
                check_manifest(manifest, digest)
                await self._fetch_files(manifest, source)
                await asyncio.to_thread(self._link, manifest)
                self._used[digest] = None
                await self._evict()
        finally:
            del self._downloads[digest]

    async def _fetch_files(self, manifest: SnapshotManifest, source: SnapshotSource) -> None:
        missing = {file.digest: (path, file.size) for path, file in manifest.files.items()}
        for digest in await asyncio.to_thread(self._present, list(missing)):
            del missing[digest]
        places = asyncio.Semaphore(_DOWNLOADS_AT_ONCE)

        async def fetch(batch: _Batch) -> None:
            async with places:
                if len(batch) == 1:
                    ((_, (path, _)),) = batch
                    contents = [await source.content(manifest.snapshot, path)]
                else:
                    together = await source.contents(manifest.snapshot, [digest for digest, _ in batch])
                    contents = _cut(together, batch)
                await asyncio.to_thread(self._keep, batch, contents)

        try:
            async with asyncio.TaskGroup() as group:
                for batch in _batches(missing):
                    group.create_task(fetch(batch))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None

    def _present(self, digests: list[str]) -> list[str]:
        return [digest for digest in digests if (self._blobs / digest).exists()]

    def _keep(self, batch: _Batch, contents: Sequence[bytes]) -> None:
        for (digest, (path, _)), content in zip(batch, contents, strict=True):
            self._keep_one(digest, path, content)

    def _keep_one(self, digest: str, path: str, content: bytes) -> None:
        found = hashlib.sha256(content).hexdigest()
        if found != digest:
            raise CodeUnavailable(
                f"file {path} arrived with digest {found} instead of {digest}: "
                "the server's copy of it, or something on the way to this worker, is damaged"
            )
        fresh = self._blobs / f"{digest}.{uuid4().hex}"
        try:
            fresh.write_bytes(content)
            fresh.chmod(0o444)
            fresh.rename(self._blobs / digest)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise

    def _link(self, manifest: SnapshotManifest) -> None:
        folder = self._snapshots / f"{manifest.snapshot}.{uuid4().hex}"
        folder.mkdir()
        try:
            parents = {folder}
            for path, file in manifest.files.items():
                target = folder / path
                if target.parent not in parents:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    parents.add(target.parent)
                os.link(self._blobs / file.digest, target)
            folder.rename(self._snapshots / manifest.snapshot)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    async def _evict(self) -> None:
        self._bytes = await asyncio.to_thread(self._measure)
        for digest in list(self._used):
            if self._bytes <= self._budget:
                return
            if digest not in self._pins:
                del self._used[digest]
                await asyncio.to_thread(self._remove, digest)
                logger.info("snapshot removed from the cache snapshot=%s cache_bytes=%d", digest, self._bytes)

    def _measure(self) -> int:
        return sum(entry.stat().st_size for entry in os.scandir(self._blobs))

    def _remove(self, digest: str) -> None:
        doomed = self._snapshots / f"{digest}.{uuid4().hex}"
        (self._snapshots / digest).rename(doomed)
        shutil.rmtree(doomed)
        self._remove_unused_blobs()

    def _remove_unused_blobs(self) -> None:
        for entry in os.scandir(self._blobs):
            status = entry.stat()
            if status.st_nlink == 1:
                Path(entry.path).unlink()
                self._bytes -= status.st_size


def _batches(missing: Mapping[str, tuple[str, int]]) -> Iterator[_Batch]:
    """Files that are asked for together."""
    batch: list[tuple[str, tuple[str, int]]] = []
    total = 0
    for entry in missing.items():
        size = entry[1][1]
        if batch and (len(batch) == _FILES_TOGETHER or total + size > _BYTES_TOGETHER):
            yield batch
            batch, total = [], 0
        batch.append(entry)
        total += size
    if batch:
        yield batch


def _cut(together: bytes, batch: _Batch) -> list[bytes]:
    """The contents of files that came one after the other; a wrong length shows in the digests."""
    contents = []
    begin = 0
    for _, (_, size) in batch:
        contents.append(together[begin : begin + size])
        begin += size
    return contents


def _retrieve(download: asyncio.Task[None]) -> None:
    """An activity that was killed asks no more for the failure of its download."""
    if not download.cancelled():
        download.exception()


def digest_of_files(files: Mapping[str, str]) -> str:
    """SHA-256 over the sorted lines `path NUL digest LF`: the code id of a DAG file, the digest of a snapshot.

    Args:
        files: path in the bundle to SHA-256.
    """
    lines = (f"{path}\0{digest}\n" for path, digest in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def check_manifest(manifest: SnapshotManifest, digest: str) -> None:
    """Refuse a manifest of another snapshot, or one that would write outside of its folder.

    Raises:
        CodeUnavailable: with what is wrong.
    """
    if manifest.snapshot != digest:
        raise CodeUnavailable(f"the server sent the manifest of snapshot {manifest.snapshot} instead of {digest}")
    found = digest_of_files({path: file.digest for path, file in manifest.files.items()})
    if found != digest:
        raise CodeUnavailable(f"the manifest of snapshot {digest} arrived damaged: its digest is {found}")
    for path in manifest.files:
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or "\0" in path or "/".join(parts) != path:
            raise CodeUnavailable(f"snapshot {digest} names the file {path!r}, which is no plain relative path")


def _begin(root: Path) -> None:
    """Empty the cache when the machine was started since: files that were never synced may have lost their content."""
    mark = root / "boot"
    if root.exists() and (not mark.exists() or mark.read_text() != boot_id()):
        shutil.rmtree(root)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark.write_text(boot_id())


def _finished_snapshots(folder: Path) -> OrderedDict[str, None]:
    """Digests of whole snapshots, oldest first; what is left of others is removed."""
    whole: list[tuple[float, str]] = []
    for entry in list(os.scandir(folder)):
        if "." in entry.name:
            shutil.rmtree(entry.path)
        else:
            whole.append((entry.stat().st_mtime, entry.name))
    return OrderedDict.fromkeys(name for _, name in sorted(whole))

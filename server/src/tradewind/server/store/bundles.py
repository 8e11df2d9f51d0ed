"""Bundles and their immutable snapshots; file contents are kept once, by digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import bindparam as bind
from sqlalchemy import select

from tradewind.server.contract import ProblemReason, SnapshotFile, SnapshotManifest
from tradewind.server.domain.refusals import Refused
from tradewind.server.domain.versions import snapshot_digest
from tradewind.server.store.statements import insert_ignore, upsert, within
from tradewind.server.store.tables import blob, bundle, snapshot
from tradewind.server.store.transaction import Transaction

_KNOWN = select(blob.c.digest).where(within(blob.c.digest, "digests"))
_CONTENT = select(blob.c.content).where(blob.c.digest == bind("digest"))
_CONTENTS = select(blob.c.digest, blob.c.content).where(within(blob.c.digest, "digests"))
_PUT_BLOB = insert_ignore(blob)
_PUT_SNAPSHOT = insert_ignore(snapshot)
_PUT_BUNDLE = upsert(bundle, "snapshot", "updated_at")
_CURRENT = select(bundle.c.snapshot).where(bundle.c.name == bind("name"))
_FILES = select(snapshot.c.files).where(snapshot.c.bundle == bind("bundle"), snapshot.c.digest == bind("digest"))
_KEPT_SNAPSHOTS = 16


def known_blobs(tx: Transaction, digests: Iterable[str]) -> set[str]:
    """Those of the digests whose content is stored."""
    return {row.digest for row in tx.rows(_KNOWN, {"digests": list(digests)})}


def put_blobs(tx: Transaction, blobs: Mapping[str, bytes]) -> None:
    """Store contents of files by digest, before the snapshot that names them; a large bundle needs several writes.

    Raises:
        Refused: `invalid_value`: a content is not what its digest says.
    """
    for digest, content in blobs.items():
        if hashlib.sha256(content).hexdigest() != digest:
            raise Refused(ProblemReason.INVALID_VALUE, f"a content does not have the digest {digest}", field="blobs")
    rows = [{"digest": digest, "size": len(content), "content": content} for digest, content in blobs.items()]
    tx.change(_PUT_BLOB, rows)


def put_snapshot(tx: Transaction, bundle: str, files: Mapping[str, tuple[str, int]], blobs: Mapping[str, bytes]) -> str:
    """Store a state of a bundle and make it the current one.

    Args:
        tx: a transaction that writes.
        bundle: name of the bundle.
        files: path relative to the bundle's root to digest and size in bytes.
        blobs: digest to content, at least for digests that are not known.

    Returns:
        Digest of the snapshot.

    Raises:
        Refused: `invalid_value`: a content is missing, or is not what its digest says.
    """
    digest = snapshot_digest({path: file_digest for path, (file_digest, _) in files.items()})
    # First of all: whoever deletes old snapshots waits from here on, and what is seen below stays.
    tx.change(_PUT_BUNDLE, {"name": bundle, "snapshot": digest, "updated_at": tx.now})
    put_blobs(tx, blobs)
    needed = {digest for digest, _ in files.values()}
    missing = needed - set(blobs) - known_blobs(tx, needed)
    if missing:
        raise Refused(
            ProblemReason.INVALID_VALUE,
            f"{len(missing)} files have no content, such as {min(missing)}",
            field="blobs",
            action="send the contents that known_blobs does not name",
        )
    manifest = {path: [file_digest, size] for path, (file_digest, size) in sorted(files.items())}
    tx.change(_PUT_SNAPSHOT, {"bundle": bundle, "digest": digest, "files": manifest, "created_at": tx.now})
    return digest


def current_snapshot(tx: Transaction, bundle: str) -> str | None:
    """Digest of the newest snapshot of a bundle."""
    digest: str | None = tx.value(_CURRENT, {"name": bundle})
    return digest


def snapshot_files(tx: Transaction, bundle: str, digest: str) -> Mapping[str, tuple[str, int]]:
    """Path to digest and size of every file of a snapshot. Snapshots never change, so that the last ones are kept.

    Raises:
        Refused: `not_found`.
    """
    cache: dict[tuple[str, str], Mapping[str, tuple[str, int]]] = tx.cache.setdefault("snapshots", {})
    known = cache.get((bundle, digest))
    if known is not None:
        return known
    files = tx.value(_FILES, {"bundle": bundle, "digest": digest})
    if files is None:
        raise Refused(ProblemReason.NOT_FOUND, f"bundle {bundle} has no snapshot {digest}", field="snapshot")
    known = {path: (file_digest, size) for path, (file_digest, size) in files.items()}
    if len(cache) >= _KEPT_SNAPSHOTS:
        cache.clear()
    cache[bundle, digest] = known
    return known


def manifest(tx: Transaction, bundle: str, digest: str) -> SnapshotManifest:
    """The files of a snapshot.

    Raises:
        Refused: `not_found`.
    """
    files = {
        path: SnapshotFile(digest=file_digest, size=size)
        for path, (file_digest, size) in snapshot_files(tx, bundle, digest).items()
    }
    return SnapshotManifest(snapshot=digest, bundle=bundle, files=files)


def file_content(tx: Transaction, bundle: str, digest: str, path: str) -> bytes:
    """The content of a file of a snapshot.

    Raises:
        Refused: `not_found`.
    """
    found = snapshot_files(tx, bundle, digest).get(path)
    if found is None:
        raise Refused(ProblemReason.NOT_FOUND, f"snapshot {digest} has no file {path}", field="path")
    content: bytes = tx.value(_CONTENT, {"digest": found[0]})
    return content


def file_contents(tx: Transaction, bundle: str, digest: str, wanted: Sequence[str], *, most_bytes: int) -> bytes:
    """The contents of files of a snapshot, one after the other.

    Args:
        tx: a transaction.
        bundle: name of the bundle.
        digest: digest of the snapshot.
        wanted: digests of the files.
        most_bytes: how large the answer may be.

    Raises:
        Refused: `not_found` for a file that is not in the snapshot, `invalid_value` for more than may be answered.
    """
    sizes = dict(snapshot_files(tx, bundle, digest).values())
    for one in wanted:
        if one not in sizes:
            raise Refused(ProblemReason.NOT_FOUND, f"snapshot {digest} has no file of digest {one}", field="digests")
    total = sum(sizes[one] for one in wanted)
    if total > most_bytes:
        raise Refused(
            ProblemReason.INVALID_VALUE,
            f"the files have {total} bytes and an answer has {most_bytes} at most",
            field="digests",
            action="ask for fewer at once, and for a larger one by its path",
        )
    found = {row.digest: row.content for row in tx.rows(_CONTENTS, {"digests": sorted(set(wanted))})}
    return b"".join(found[one] for one in wanted)

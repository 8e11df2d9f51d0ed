"""Snapshots: immutable, complete, and kept once by content."""

import hashlib
from functools import partial

import pytest

from tradewind.server.contract import ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.domain.versions import snapshot_digest
from tradewind.server.store import bundles

from .world import BUNDLE, World


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_snapshot_is_found_again_with_all_its_files(world: World) -> None:
    digest = world.publish(a=b"print()\n", b=b"\0\xff")
    assert digest == snapshot_digest({"a.py": digest_of(b"print()\n"), "b.py": digest_of(b"\0\xff")})
    manifest = world.read(lambda tx: bundles.manifest(tx, BUNDLE, digest))
    assert manifest.snapshot == digest
    assert {path: (file.digest, file.size) for path, file in manifest.files.items()} == {
        "a.py": (digest_of(b"print()\n"), 8),
        "b.py": (digest_of(b"\0\xff"), 2),
    }
    assert world.read(lambda tx: bundles.file_content(tx, BUNDLE, digest, "b.py")) == b"\0\xff"
    assert world.read(lambda tx: bundles.current_snapshot(tx, BUNDLE)) == digest


def test_an_older_snapshot_stays_as_it_was(world: World) -> None:
    first = world.publish(a=b"1")
    second = world.publish(a=b"2")
    assert first != second
    assert world.read(lambda tx: bundles.file_content(tx, BUNDLE, first, "a.py")) == b"1"
    assert world.read(lambda tx: bundles.current_snapshot(tx, BUNDLE)) == second


def test_the_same_content_is_the_same_snapshot_and_needs_no_blobs(world: World) -> None:
    digest = world.publish(a=b"1")
    files = {"a.py": (digest_of(b"1"), 1)}
    assert world.write(lambda tx: bundles.put_snapshot(tx, BUNDLE, files, {})) == digest
    assert world.read(lambda tx: bundles.known_blobs(tx, [digest_of(b"1"), digest_of(b"2")])) == {digest_of(b"1")}


def test_contents_may_come_before_their_snapshot(world: World) -> None:
    world.write(lambda tx: bundles.put_blobs(tx, {digest_of(b"1"): b"1"}))
    files = {"a.py": (digest_of(b"1"), 1)}
    digest = world.write(lambda tx: bundles.put_snapshot(tx, BUNDLE, files, {}))
    assert world.read(lambda tx: bundles.file_content(tx, BUNDLE, digest, "a.py")) == b"1"


def test_contents_come_one_after_the_other_in_the_order_asked_for(world: World) -> None:
    digest = world.publish(a=b"one", b=b"", c=b"\0\xff")
    wanted = [digest_of(b"\0\xff"), digest_of(b"one"), digest_of(b""), digest_of(b"one")]
    read = partial(bundles.file_contents, bundle=BUNDLE, digest=digest)
    assert world.read(partial(read, wanted=wanted, most_bytes=8)) == b"\0\xffoneone"
    with pytest.raises(Refused, match="8 bytes and an answer has 7 at most"):
        world.read(partial(read, wanted=wanted, most_bytes=7))
    with pytest.raises(Refused, match="no file of digest"):
        world.read(partial(read, wanted=[digest_of(b"elsewhere")], most_bytes=8))


def test_a_snapshot_with_a_missing_content_is_refused(world: World) -> None:
    with pytest.raises(Refused) as refused:
        world.write(lambda tx: bundles.put_snapshot(tx, BUNDLE, {"a.py": (digest_of(b"1"), 1)}, {}))
    assert refused.value.reason is ProblemReason.INVALID_VALUE
    assert world.read(lambda tx: bundles.current_snapshot(tx, BUNDLE)) is None


def test_a_content_that_is_not_what_its_digest_says_is_refused(world: World) -> None:
    with pytest.raises(Refused, match="does not have the digest"):
        world.write(lambda tx: bundles.put_blobs(tx, {digest_of(b"1"): b"2"}))


def test_what_is_not_there_is_not_found(world: World) -> None:
    digest = world.publish(a=b"1")
    for bundle, snapshot, path in ((BUNDLE, "0" * 64, "a.py"), ("other", digest, "a.py"), (BUNDLE, digest, "b.py")):
        with pytest.raises(Refused) as refused:
            world.read(lambda tx, b=bundle, s=snapshot, p=path: bundles.file_content(tx, b, s, p))  # type: ignore[misc]
        assert refused.value.reason is ProblemReason.NOT_FOUND

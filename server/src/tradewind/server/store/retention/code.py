"""Deletes code that nothing runs any more: DAG versions, snapshots, and contents that no other snapshot has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Select, exists, literal_column, select
from sqlalchemy import bindparam as bind

from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.retention.plan import CANDIDATES_PER_LOOK, Deleted, RetentionPlan
from tradewind.server.store.statements import PerDialect, within
from tradewind.server.store.tables import blob, bundle, dag, dag_file, dag_run, dag_version, parse, snapshot
from tradewind.server.store.transaction import Transaction

SHORTEST_AGE: Final = timedelta(hours=1)
"""Code that was replaced a moment ago may just be taken by a run that is being created."""

SNAPSHOTS_AT_ONCE: Final = 50
MANIFESTS_PER_READ: Final = 20
BYTES_PER_STEP: Final = 4 << 20
BLOBS_PER_STEP: Final = 200

SnapshotKey = tuple[str, str]
"""Bundle and digest."""


def _number(words: str) -> Select[tuple[int]]:
    """A query for one number."""
    return select(literal_column(words, BigInteger()).label("number"))


_NEXT_VERSION = dag_version.alias("next_version")
_REPLACED_AT = (
    select(_NEXT_VERSION.c.created_at)
    .where(_NEXT_VERSION.c.dag_id == dag_version.c.dag_id, _NEXT_VERSION.c.number > dag_version.c.number)
    .order_by(_NEXT_VERSION.c.number)
    .limit(1)
    .scalar_subquery()
)
_RUNS_OF_VERSION = exists().where(dag_run.c.dag_version_pk == dag_version.c.pk)
_DAG_OF_VERSION = exists().where(dag.c.dag_version_pk == dag_version.c.pk)
_VERSIONS = (
    select(
        dag_version.c.pk,
        dag_version.c.dag_id,
        dag_version.c.created_at,
        _REPLACED_AT.label("replaced_at"),
        (_RUNS_OF_VERSION | _DAG_OF_VERSION).label("is_used"),
    )
    .where(dag_version.c.pk > bind("after"))
    .order_by(dag_version.c.pk)
    .limit(bind("most"))
)
_DELETE_VERSIONS = dag_version.delete().where(within(dag_version.c.pk, "versions"), ~_RUNS_OF_VERSION, ~_DAG_OF_VERSION)
_OLD_SNAPSHOTS = (
    select(snapshot.c.bundle, snapshot.c.digest, snapshot.c.created_at)
    .where(snapshot.c.created_at < bind("before", type_=UtcDateTime()))
    .order_by(snapshot.c.created_at, snapshot.c.bundle, snapshot.c.digest)
)
_KEYS = select(snapshot.c.bundle, snapshot.c.digest)
_MANIFESTS = select(snapshot.c.files).where(snapshot.c.bundle == bind("bundle"), within(snapshot.c.digest, "digests"))
_CURRENT = select(bundle.c.snapshot).where(bundle.c.snapshot.is_not(None))
_OF_DAGS = select(dag.c.snapshot).distinct()
_OF_FILES = select(dag_file.c.snapshot).where(dag_file.c.snapshot.is_not(None)).distinct()
_OF_RUN = select(dag_run.c.pk).where(dag_run.c.snapshot == bind("digest")).limit(1)
_OF_PARSE = select(parse.c.parse_id).where(parse.c.snapshot == bind("digest")).limit(1)
_SIZES = select(blob.c.digest, blob.c.size).where(within(blob.c.digest, "digests"))
_DELETE_BLOBS = blob.delete().where(within(blob.c.digest, "digests"))
_DELETE_SNAPSHOT = snapshot.delete().where(snapshot.c.bundle == bind("of"), snapshot.c.digest == bind("named"))
# The first transaction that has not begun, and the first one that has not ended.
_BEGUN = PerDialect(sqlite=_number("0"), postgresql=_number("pg_snapshot_xmax(pg_current_snapshot())::text::bigint"))
_ENDED = PerDialect(sqlite=_number("0"), postgresql=_number("pg_snapshot_xmin(pg_current_snapshot())::text::bigint"))


@dataclass(frozen=True, slots=True)
class UnusedSnapshots:
    """Snapshots that nothing referred to.

    Attributes:
        keys: the snapshots.
        begun: transactions before this one may have read, before the look, that a snapshot is in use.
        others: all other snapshots at that moment.
    """

    keys: tuple[SnapshotKey, ...]
    begun: int
    others: tuple[SnapshotKey, ...]


def remove_versions(tx: Transaction, plan: RetentionPlan, after: int | None) -> Deleted:
    """Delete DAG versions that were replaced long ago and that no run has."""
    if plan.code is None:
        return Deleted()
    before = tx.now - max(plan.code, SHORTEST_AGE)
    rows = tx.rows(_VERSIONS, {"after": after or 0, "most": CANDIDATES_PER_LOOK})
    old = [row for row in rows if row.created_at < before]
    unused = [row.pk for row in old if _may_go(row, before, plan.dag_ids)]
    number = tx.change(_DELETE_VERSIONS, {"versions": unused}) if unused else 0
    # Versions stand in the order of their making: behind a young one are none that are old.
    at_end = len(old) < len(rows) or len(rows) < CANDIDATES_PER_LOOK
    return Deleted({"dag_version": number} if number else {}, after=None if at_end else rows[-1].pk)


def _may_go(row: Any, before: datetime, dag_ids: Sequence[str]) -> bool:
    if row.is_used or row.replaced_at is None or row.replaced_at >= before:
        return False
    return not dag_ids or row.dag_id in dag_ids


def find_unused_snapshots(tx: Transaction, plan: RetentionPlan) -> UnusedSnapshots | None:
    """Snapshots that were replaced long ago and that no run, DAG, file or parse refers to; None when there are none.

    Nobody who begins after this look can begin to use one of them, unless the bundle goes back to its content.
    """
    if plan.code is None or plan.dag_ids:
        return None
    begun = tx.value(_BEGUN)
    old = tx.rows(_OLD_SNAPSHOTS, {"before": tx.now - max(plan.code, SHORTEST_AGE)})
    # The last one that is old enough was replaced by one that is not, or by none.
    last = {row.bundle: row.digest for row in old}
    kept = _named(tx)
    found: list[SnapshotKey] = []
    for row in old:
        if row.digest in kept or last[row.bundle] == row.digest or _is_run(tx, row.digest):
            continue
        found.append((row.bundle, row.digest))
        if len(found) == SNAPSHOTS_AT_ONCE:
            break
    if not found:
        return None
    unused = set(found)
    others = tuple(key for key in _keys(tx) if key not in unused)
    return UnusedSnapshots(tuple(found), begun, others)


def are_settled(tx: Transaction, unused: UnusedSnapshots) -> bool:
    """Whether every transaction has ended that may have read what is not so any more."""
    ended: int = tx.value(_ENDED)
    return ended >= unused.begun


def contents(tx: Transaction, keys: Collection[SnapshotKey]) -> set[str]:
    """Digests of the files of snapshots."""
    found: set[str] = set()
    for name in sorted({name for name, _ in keys}):
        digests = [digest for bundle_name, digest in keys if bundle_name == name]
        for row in tx.rows(_MANIFESTS, {"bundle": name, "digests": digests}):
            found.update(entry[0] for entry in row.files.values())
    return found


def pages(keys: Sequence[SnapshotKey]) -> Iterable[Sequence[SnapshotKey]]:
    """Snapshots in parts whose manifests are read together."""
    return (keys[start : start + MANIFESTS_PER_READ] for start in range(0, len(keys), MANIFESTS_PER_READ))


def remove_blobs(tx: Transaction, unused: UnusedSnapshots, digests: Sequence[str]) -> tuple[Deleted, int] | None:
    """Delete the first of some contents that only unused snapshots have.

    Returns:
        What was deleted, and how many of the contents are done with; None, with nothing deleted, when a snapshot has
        come or is used again since the look.
    """
    if not _is_as_seen(tx, unused):
        return None
    taken = digests[:BLOBS_PER_STEP]
    sizes = {row.digest: row.size for row in tx.rows(_SIZES, {"digests": taken})}
    chosen: list[str] = []
    left = BYTES_PER_STEP
    for digest in taken:
        left -= sizes.get(digest, 0)
        if chosen and left < 0:
            break
        chosen.append(digest)
    number = tx.change(_DELETE_BLOBS, {"digests": chosen}) if chosen else 0
    return Deleted({"blob": number} if number else {}), len(chosen)


def remove_snapshots(tx: Transaction, unused: UnusedSnapshots) -> Deleted | None:
    """Delete snapshots whose own contents are gone; None, with nothing deleted, as for `remove_blobs`."""
    if not _is_as_seen(tx, unused):
        return None
    cache: dict[SnapshotKey, Any] = tx.cache.get("snapshots", {})
    for key in unused.keys:
        tx.after_commit(lambda key=key: cache.pop(key, None))  # type: ignore[misc]  # the default binds the key
    number = tx.change(_DELETE_SNAPSHOT, [{"of": name, "named": digest} for name, digest in unused.keys])
    return Deleted({"snapshot": number})


def _is_as_seen(tx: Transaction, unused: UnusedSnapshots) -> bool:
    """Whether no snapshot has come since, and none is used again; nobody publishes one until the transaction ends."""
    tx.lock_table(bundle)
    if set(_keys(tx)) - set(unused.keys) - set(unused.others):
        return False
    kept = _named(tx)
    return not any(digest in kept or _is_run(tx, digest) for _, digest in unused.keys)


def _keys(tx: Transaction) -> list[SnapshotKey]:
    return [(row.bundle, row.digest) for row in tx.rows(_KEYS)]


def _named(tx: Transaction) -> set[str]:
    """Snapshots that bundles, DAGs and files name."""
    return {row.snapshot for statement in (_CURRENT, _OF_DAGS, _OF_FILES) for row in tx.rows(statement)}


def _is_run(tx: Transaction, digest: str) -> bool:
    """Whether a run or a parse has it."""
    values = {"digest": digest}
    return tx.row(_OF_RUN, values) is not None or tx.row(_OF_PARSE, values) is not None

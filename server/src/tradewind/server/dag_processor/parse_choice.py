"""Which files have to be parsed again after a change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tradewind.server.store.rows import DagFileRow


def files_to_parse(
    digests: Mapping[str, str],
    candidates: Collection[str],
    rows: Sequence[DagFileRow],
    *,
    snapshot_changed: bool,
) -> list[str]:
    """The candidates whose last parse does not speak for the bundle as it is now, sorted.

    Args:
        digests: path to SHA-256 of every file of the bundle.
        candidates: files that may declare DAGs.
        rows: what is known of earlier parses.
        snapshot_changed: whether the bundle differs from the last published snapshot. If not, the parses that it
            needs were asked for together with that snapshot, and a file that failed would fail again.
    """
    known = {row.file: row for row in rows}
    return sorted(path for path in candidates if _is_due(path, digests, known.get(path), snapshot_changed))


def _is_due(path: str, digests: Mapping[str, str], row: DagFileRow | None, snapshot_changed: bool) -> bool:  # noqa: FBT001
    if row is None:
        return True
    if not snapshot_changed and row.parse_state != "none":
        return False
    if row.file_digest != digests[path]:
        return True
    if any(digests.get(read) != digest for read, digest in row.files_read.items()):
        return True
    # What an import missed may have come with any other file.
    return row.has_error and snapshot_changed

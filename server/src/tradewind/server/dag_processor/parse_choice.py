"""Which files have to be parsed again after a change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tradewind.server.store.rows import DagFileRow


def files_to_parse(
    digests: Mapping[str, str],
    candidates: Collection[str],
    rows: Sequence[DagFileRow],
    *,
    snapshot: str,
    snapshot_changed: bool,
) -> list[str]:
    """The candidates whose last parse does not speak for the bundle as it is now, sorted.

    Args:
        digests: path to SHA-256 of every file of the bundle.
        candidates: files that may declare DAGs.
        rows: what is known of earlier parses.
        snapshot: digest of the bundle as it is now; a parse of it that has not ended is not asked for twice.
        snapshot_changed: whether the bundle differs from the last published snapshot; if not, a file that failed would
            fail again.
    """
    known = {row.file: row for row in rows}
    return sorted(
        path
        for path in candidates
        if (row := known.get(path)) is None
        or (row.parse_snapshot != snapshot and _is_outdated(row, digests, snapshot_changed=snapshot_changed))
    )


def _is_outdated(row: DagFileRow, digests: Mapping[str, str], *, snapshot_changed: bool) -> bool:
    if row.file_digest != digests[row.file]:
        return True
    if any(digests.get(read) != digest for read, digest in row.files_read.items()):
        return True
    # What an import missed may have come with any other file.
    return row.has_error and snapshot_changed

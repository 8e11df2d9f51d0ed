"""The files of a bundle that declare DAGs, and the parses that are asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Float, String, and_, exists, func, select, text
from sqlalchemy import bindparam as bind

from tradewind.server.contract import DagImportError, ProblemReason, to_plain
from tradewind.server.domain.refusals import Refused
from tradewind.server.store.bundles import snapshot_files
from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.dags.records import PARSE
from tradewind.server.store.identity import uuid7
from tradewind.server.store.rows import DagFileRow, ParseRow
from tradewind.server.store.statements import insert_or, within
from tradewind.server.store.tables import dag, dag_file, import_error, parse
from tradewind.server.store.transaction import Transaction

SCAN = "scan"
"""Origin of the import errors that a scan of the bundle finds."""

_HAS_ERROR = exists().where(
    and_(
        import_error.c.bundle == dag_file.c.bundle,
        import_error.c.file == dag_file.c.file,
        import_error.c.origin == PARSE,
    )
)
_LIVE = text("parse.state IN ('scheduled', 'queued', 'running')")
_FILES = (
    select(
        dag_file.c.bundle,
        dag_file.c.file,
        dag_file.c.file_digest,
        dag_file.c.snapshot,
        dag_file.c.code_id,
        dag_file.c.files_read,
        dag_file.c.parsed_at,
        parse.c.parse_id,
        parse.c.snapshot.label("parse_snapshot"),
        func.coalesce(parse.c.state, "none").label("parse_state"),
        _HAS_ERROR.label("has_error"),
    )
    .select_from(dag_file.outerjoin(parse, and_(parse.c.parse_id == dag_file.c.parse_id, _LIVE)))
    .where(dag_file.c.bundle == bind("bundle"))
    .order_by(dag_file.c.file)
)
_NAMES = select(dag_file.c.file).where(dag_file.c.bundle == bind("bundle"))
_WAITING = (
    select(parse.c.parse_id, parse.c.file)
    .where(
        parse.c.bundle == bind("bundle"),
        within(parse.c.file, "files"),
        parse.c.state == text("'scheduled'"),
        _LIVE,
    )
    .order_by(parse.c.parse_id)
    .with_for_update()
)
_RENEW = (
    parse.update()
    .where(within(parse.c.parse_id, "parses"))
    .values(
        snapshot=bind("to_snapshot", type_=String()),
        timeout_seconds=bind("to_timeout", type_=Float()),
        executor=bind("to_executor", type_=String()),
        rev=parse.c.rev + 1,
    )
)
_REQUEST = parse.insert()
_NOTE_REQUEST = insert_or(
    dag_file,
    lambda insert: insert.on_conflict_do_update(
        index_elements=["bundle", "file"], set_={"parse_id": insert.excluded.parse_id}
    ),
)
_DROP_WAITING = (
    parse.update()
    .where(
        parse.c.bundle == bind("of"),
        within(parse.c.file, "files"),
        parse.c.state == text("'scheduled'"),
        _LIVE,
    )
    .values(state="dropped", ended_at=bind("at", type_=UtcDateTime()))
)
_DROP_ERRORS = import_error.delete().where(
    import_error.c.bundle == bind("of"), within(import_error.c.file, "files"), import_error.c.origin == PARSE
)
_BUNDLE_ERRORS = (
    select(import_error.c.error)
    .where(import_error.c.bundle == bind("bundle"), import_error.c.origin == SCAN)
    .order_by(import_error.c.pk)
)
_DROP_BUNDLE_ERRORS = import_error.delete().where(import_error.c.bundle == bind("of"), import_error.c.origin == SCAN)
_ADD_ERRORS = import_error.insert()
_DROP_FILES = dag_file.delete().where(dag_file.c.bundle == bind("of"), within(dag_file.c.file, "files"))
_MAKE_STALE = dag.update().where(dag.c.bundle == bind("of"), within(dag.c.file, "files")).values(stale=True)
_PARSES = (
    select(
        parse.c.parse_id,
        parse.c.bundle,
        parse.c.file,
        parse.c.snapshot,
        parse.c.state,
        parse.c.executor,
        parse.c.lost,
        parse.c.timeout_seconds,
        parse.c.scheduled_at,
        parse.c.dispatch_id,
    )
    .where(_LIVE)
    .order_by(parse.c.scheduled_at, parse.c.parse_id)
)


_FAILED = (
    select(parse.c.bundle, parse.c.file, parse.c.snapshot, parse.c.timeout_seconds, parse.c.executor)
    .select_from(dag_file.join(parse, parse.c.parse_id == dag_file.c.parse_id))
    .where(_HAS_ERROR)
    .order_by(parse.c.bundle, parse.c.file)
)


def dag_files(tx: Transaction, bundle: str) -> list[DagFileRow]:
    """The files of a bundle that were asked to be parsed, by path."""
    return [DagFileRow(**row._asdict()) for row in tx.rows(_FILES, {"bundle": bundle})]


def request_parse(
    tx: Transaction,
    bundle: str,
    snapshot: str,
    file: str,
    timeout_seconds: float,
    *,
    executor: str | None = None,
) -> str:
    """Ask for the parse of one file; see `request_parses`."""
    return request_parses(tx, bundle, snapshot, [file], timeout_seconds, executor=executor)[0]


def request_parses(
    tx: Transaction,
    bundle: str,
    snapshot: str,
    files: Sequence[str],
    timeout_seconds: float,
    *,
    executor: str | None = None,
) -> list[str]:
    """Ask for the parse of files as they are in a snapshot. A parse that waits already takes the newer snapshot.

    Args:
        tx: a transaction that writes.
        bundle: name of the bundle.
        snapshot: digest of the snapshot.
        files: paths in the snapshot, each once.
        timeout_seconds: time that an import may take.
        executor: who hands the parses out; the default executor when absent.

    Returns:
        `parse_id` of each file, in their order.

    Raises:
        Refused: `not_found` for the snapshot, `invalid_value` for a file that is not in it.
    """
    content = snapshot_files(tx, bundle, snapshot)
    for file in files:
        if file not in content:
            raise Refused(ProblemReason.INVALID_VALUE, f"snapshot {snapshot} has no file {file}", field="file")
    named = executor or tx.options.default_executor
    waiting = {row.file: row.parse_id for row in tx.rows(_WAITING, {"bundle": bundle, "files": files})}
    if waiting:
        renewed = {"to_snapshot": snapshot, "to_timeout": timeout_seconds, "to_executor": named}
        tx.change(_RENEW, {"parses": list(waiting.values()), **renewed})
    fresh = {file: uuid7() for file in files if file not in waiting}
    shared: dict[str, Any] = {
        "bundle": bundle,
        "snapshot": snapshot,
        "executor": named,
        "state": "scheduled",
        "rev": 1,
        "lost": 0,
        "timeout_seconds": timeout_seconds,
        "scheduled_at": tx.now,
    }
    tx.change(_REQUEST, [{"parse_id": parse_id, "file": file, **shared} for file, parse_id in fresh.items()])
    noted = [
        {"bundle": bundle, "file": file, "files_read": {}, "parse_id": parse_id} for file, parse_id in fresh.items()
    ]
    tx.change(_NOTE_REQUEST, noted)
    tx.hint("to_parse")
    return [waiting.get(file) or fresh[file] for file in files]


def parse_failed_again(tx: Transaction) -> list[str]:
    """Ask for another parse of the files whose last one failed: what they lacked may be there now.

    Returns:
        The files.
    """
    failed = tx.rows(_FAILED)
    for row in failed:
        request_parse(tx, row.bundle, row.snapshot, row.file, row.timeout_seconds, executor=row.executor)
    return [row.file for row in failed]


def drop_files(tx: Transaction, bundle: str, keep: Collection[str]) -> list[str]:
    """Forget the files of a bundle that are not among those to keep; their DAGs become stale, their errors go.

    Returns:
        The files that were dropped.
    """
    kept = set(keep)
    gone = sorted(row.file for row in tx.rows(_NAMES, {"bundle": bundle}) if row.file not in kept)
    if gone:
        tx.change(_DROP_WAITING, {"of": bundle, "files": gone, "at": tx.now})
        for statement in (_DROP_ERRORS, _MAKE_STALE, _DROP_FILES):
            tx.change(statement, {"of": bundle, "files": gone})
        tx.hint("parses")
    return gone


def set_bundle_errors(tx: Transaction, bundle: str, errors: Sequence[DagImportError]) -> None:
    """Replace the import errors that a scan of the bundle found; those of parses are apart from them."""
    plain = [to_plain(error) for error in errors]
    if [row.error for row in tx.rows(_BUNDLE_ERRORS, {"bundle": bundle})] == plain:
        return
    tx.change(_DROP_BUNDLE_ERRORS, {"of": bundle})
    rows = [
        {"bundle": bundle, "file": error.file, "origin": SCAN, "error": values, "at": tx.now}
        for error, values in zip(errors, plain, strict=True)
    ]
    tx.change(_ADD_ERRORS, rows)
    tx.hint("parses")


def list_parses(tx: Transaction) -> list[ParseRow]:
    """Parses that have not ended, in the order in which they are handed out."""
    return [ParseRow(**row._asdict()) for row in tx.rows(_PARSES)]

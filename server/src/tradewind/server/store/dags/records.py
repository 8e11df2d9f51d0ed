"""What a parse found becomes DAGs, versions and import errors, after the server's own checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Boolean, Float, String, and_, select
from sqlalchemy import bindparam as bind

from tradewind.server.contract import DagImportError, FileParsed, SerializedDag, encode, to_plain
from tradewind.server.domain.graph import Graph, GraphError
from tradewind.server.domain.params import check_params
from tradewind.server.domain.schedules import Schedule, check
from tradewind.server.domain.versions import code_id, structure_hash
from tradewind.server.store import plans
from tradewind.server.store.bundles import snapshot_files
from tradewind.server.store.column_types import FreeText, Json, UtcDateTime
from tradewind.server.store.dags.catalogue import dag_version as serialized_version
from tradewind.server.store.revisions import wake_queue
from tradewind.server.store.statements import insert_or, within
from tradewind.server.store.tables import dag, dag_file, dag_version, import_error
from tradewind.server.store.transaction import Transaction

PARSE = "parse"
"""Origin of the import errors of parses; those of a scan of the bundle are apart from them."""

DEFAULT_MAX_ACTIVE_TASKS = 16
"""Active task instances of one run where its DAG says nothing; as in Airflow."""

_NO_FILE = (None, 0)
_FILE = (
    select(dag_file.c.recorded_parse_id)
    .where(dag_file.c.bundle == bind("bundle"), dag_file.c.file == bind("file"))
    .with_for_update()
)
_KNOWN = (
    select(
        dag.c.dag_id,
        dag.c.bundle,
        dag.c.file,
        dag.c.stale,
        dag.c.max_active_runs,
        dag.c.dag_version_pk,
        dag.c.version_number,
        dag_version.c.structure_hash,
    )
    .select_from(dag.join(dag_version, dag_version.c.pk == dag.c.dag_version_pk))
    .where(within(dag.c.dag_id, "dag_ids"))
    .order_by(dag.c.dag_id)
    .with_for_update(of=dag)
)
_ADD_VERSION = insert_or(dag_version, lambda insert: insert.on_conflict_do_nothing().returning(dag_version.c.pk))
# Lines and documentation are no part of the structure: they follow the file within a version.
_RENEW_VERSION = (
    dag_version.update()
    .where(dag_version.c.pk == bind("of"), dag_version.c.serialized != bind("text"))
    .values(serialized=bind("text"))
)
_ADD_DAG = dag.insert()
_UPDATE_DAG = (
    dag.update()
    .where(dag.c.dag_id == bind("of"))
    .values(
        bundle=bind("to_bundle", type_=String()),
        file=bind("to_file", type_=String()),
        stale=bind("to_stale", type_=Boolean()),
        dag_version_pk=bind("to_version_pk"),
        version_number=bind("to_number"),
        display_name=bind("to_display_name", type_=FreeText()),
        description=bind("to_description", type_=FreeText()),
        tags=bind("to_tags", type_=Json()),
        owners=bind("to_owners", type_=Json()),
        max_active_runs=bind("to_max_active_runs"),
        max_active_tasks=bind("to_max_active_tasks"),
        max_consecutive_failed_runs=bind("to_max_consecutive_failed_runs"),
        dagrun_timeout_seconds=bind("to_dagrun_timeout_seconds", type_=Float()),
        timetable=bind("to_timetable", type_=Json()),
        snapshot=bind("to_snapshot", type_=String()),
        code_id=bind("to_code_id", type_=String()),
        last_parsed_at=bind("to_last_parsed_at", type_=UtcDateTime()),
    )
)
_DECLARED = select(dag.c.dag_id).where(
    dag.c.bundle == bind("bundle"), dag.c.file == bind("file"), dag.c.stale == bind("stale", type_=Boolean())
)
_MAKE_STALE = dag.update().where(within(dag.c.dag_id, "dag_ids")).values(stale=True)
_DROP_ERRORS = import_error.delete().where(
    import_error.c.bundle == bind("of"), import_error.c.file == bind("at_file"), import_error.c.origin == PARSE
)
_ADD_ERRORS = import_error.insert()
_RECORD_FILE = (
    dag_file.update()
    .where(and_(dag_file.c.bundle == bind("of"), dag_file.c.file == bind("at_file")))
    .values(
        file_digest=bind("to_file_digest", type_=String()),
        snapshot=bind("to_snapshot", type_=String()),
        code_id=bind("to_code_id", type_=String()),
        files_read=bind("to_files_read", type_=Json()),
        recorded_parse_id=bind("to_parse_id", type_=String()),
        parsed_at=bind("to_parsed_at", type_=UtcDateTime()),
    )
)


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """Which file, of which snapshot, was parsed."""

    parse_id: str
    bundle: str
    file: str
    snapshot: str


@dataclass(slots=True)
class _Findings:
    accepted: list[SerializedDag] = field(default_factory=list)
    errors: list[DagImportError] = field(default_factory=list)


def record_parse(tx: Transaction, parsed: ParsedFile, outcome: FileParsed) -> None:
    """Take over what a parse found, unless a later parse of the file is recorded or the file is gone.

    A report that does not fit the snapshot, or a DAG that cannot run, becomes an import error of the file.
    """
    row = tx.row(_FILE, {"bundle": parsed.bundle, "file": parsed.file})
    if row is None or (row.recorded_parse_id is not None and row.recorded_parse_id >= parsed.parse_id):
        return
    files = snapshot_files(tx, parsed.bundle, parsed.snapshot)
    findings = _Findings()
    if outcome.error is not None:
        findings.errors.append(outcome.error)
    wrong = _what_is_wrong(parsed, outcome, files)
    if wrong is None:
        _check_dags(parsed, outcome.dags, findings)
        _record_dags(tx, parsed, outcome, findings)
    else:
        findings.errors.append(_error(parsed, "InvalidParseReport", wrong))
    if not findings.errors:
        _retire(tx, parsed, {found.dag_id for found in findings.accepted})
    _record_errors(tx, parsed, findings.errors)
    read = outcome.files_read if wrong is None else {}
    file_digest = files[parsed.file][0]
    recorded = {
        "to_file_digest": file_digest,
        "to_snapshot": parsed.snapshot,
        "to_code_id": outcome.code_id,
        "to_files_read": {parsed.file: file_digest, **read},
        "to_parse_id": parsed.parse_id,
        "to_parsed_at": tx.now,
    }
    tx.change(_RECORD_FILE, {"of": parsed.bundle, "at_file": parsed.file, **recorded})
    tx.hint("parses")


def record_failure(tx: Transaction, parsed: ParsedFile, kind: str, message: str) -> None:
    """Note that a file cannot be parsed at all; the DAGs that it declared before stay as they are."""
    outcome = FileParsed(
        ended_at=tx.now,
        duration_seconds=0,
        code_id=code_id({}),
        files_read={},
        dags=[],
        error=_error(parsed, kind, message),
    )
    record_parse(tx, parsed, outcome)


def _what_is_wrong(parsed: ParsedFile, outcome: FileParsed, files: Mapping[str, tuple[str, int]]) -> str | None:
    if code_id(outcome.files_read) != outcome.code_id:
        return "the worker reported a code id that is not the digest of the files read; upgrade the worker"
    strange = sorted(path for path, digest in outcome.files_read.items() if files.get(path, _NO_FILE)[0] != digest)
    if strange:
        return f"the worker read files that are not in the snapshot, such as {strange[0]}; clear its code cache"
    if outcome.dags and parsed.file not in outcome.files_read:
        return "the worker reported DAGs without having read the file; upgrade the worker"
    return None


def _check_dags(parsed: ParsedFile, dags: Iterable[SerializedDag], findings: _Findings) -> None:
    seen: set[str] = set()
    for found in dags:
        if found.dag_id in seen:
            message = f"DAG {found.dag_id} is declared twice in this file; give each DAG a dag_id of its own"
            findings.errors.append(_error(parsed, "DuplicateDagId", message, found.line))
            continue
        seen.add(found.dag_id)
        fault = _fault(found)
        if fault is None:
            findings.accepted.append(found)
        else:
            kind, reason = fault
            findings.errors.append(_error(parsed, kind, f"DAG {found.dag_id}: {reason}", found.line))


def _fault(found: SerializedDag) -> tuple[str, str] | None:
    """Why no run of a DAG could be made: a kind of error, and the reason in words."""
    try:
        Graph.from_dag(found)
    except GraphError as error:
        return "GraphError", str(error)
    try:
        if found.timetable is not None:
            check(found.timetable)
    except ValueError as error:
        return "InvalidTimetable", str(error)
    try:
        check_params(found.params or {}, scheduled=found.timetable is not None)
    except ValueError as error:
        return "InvalidParams", str(error)
    return None


def _record_dags(tx: Transaction, parsed: ParsedFile, outcome: FileParsed, findings: _Findings) -> None:
    if not findings.accepted:
        return
    dag_ids = [found.dag_id for found in findings.accepted]
    known = {row.dag_id: row for row in tx.rows(_KNOWN, {"dag_ids": dag_ids})}
    mine: list[SerializedDag] = []
    for found in findings.accepted:
        row = known.get(found.dag_id)
        if row is None:
            row = _add(tx, parsed, outcome, found)
        if row is None or row.stale or (row.bundle, row.file) == (parsed.bundle, parsed.file):
            mine.append(found)
            if row is not None:
                _update(tx, parsed, outcome, found, row)
        else:
            message = (
                f"DAG {found.dag_id} is declared in {row.file} (bundle {row.bundle}) already; "
                "give it another dag_id, or remove it there"
            )
            findings.errors.append(_error(parsed, "DuplicateDagId", message, found.line))
    findings.accepted = mine


def _add(tx: Transaction, parsed: ParsedFile, outcome: FileParsed, found: SerializedDag) -> Any:
    """Add a DAG that was not known; return its row when another transaction has just added it."""
    pk = _add_version(tx, parsed, found, structure_hash(found), 1)
    if pk is None:
        return tx.row(_KNOWN, {"dag_ids": [found.dag_id]})
    values = {
        "dag_id": found.dag_id,
        "bundle": parsed.bundle,
        "file": parsed.file,
        "paused": _is_paused_at_creation(tx, found),
        "stale": False,
        "dag_version_pk": pk,
        "version_number": 1,
        "display_name": found.display_name,
        "description": found.description,
        "tags": found.tags,
        "owners": _owners(found),
        "max_active_runs": found.max_active_runs,
        **_limits(found),
        **plans.columns(plans.first_plan(tx, found.dag_id, Schedule.of(found))),
        "snapshot": parsed.snapshot,
        "code_id": outcome.code_id,
        "last_parsed_at": tx.now,
        "created_at": tx.now,
    }
    tx.change(_ADD_DAG, values)
    tx.hint(plans.TOPIC)
    return None


def _update(tx: Transaction, parsed: ParsedFile, outcome: FileParsed, found: SerializedDag, row: Any) -> None:
    pk, number = row.dag_version_pk, row.version_number
    found_hash = structure_hash(found)
    rescheduled = row.stale
    if found_hash != row.structure_hash:
        # What a schedule is made of is a part of the structure.
        rescheduled = rescheduled or Schedule.of(serialized_version(tx, pk)) != Schedule.of(found)
        number += 1
        pk = _add_version(tx, parsed, found, found_hash, number)
    else:
        tx.change(_RENEW_VERSION, {"of": pk, "text": encode(found).decode()})
    values = {
        "of": found.dag_id,
        "to_bundle": parsed.bundle,
        "to_file": parsed.file,
        "to_stale": False,
        "to_version_pk": pk,
        "to_number": number,
        "to_display_name": found.display_name,
        "to_description": found.description,
        "to_tags": found.tags,
        "to_owners": _owners(found),
        "to_max_active_runs": found.max_active_runs,
        **{f"to_{name}": value for name, value in _limits(found).items()},
        "to_snapshot": parsed.snapshot,
        "to_code_id": outcome.code_id,
        "to_last_parsed_at": tx.now,
    }
    tx.change(_UPDATE_DAG, values)
    if rescheduled:
        plans.replan(tx, found.dag_id, Schedule.of(found))
    if found.max_active_runs > row.max_active_runs or row.stale:
        wake_queue(tx, [found.dag_id])


def _add_version(tx: Transaction, parsed: ParsedFile, found: SerializedDag, found_hash: str, number: int) -> int | None:
    """Add a version and return its key; None when another transaction has just added one of this number."""
    values = {
        "dag_id": found.dag_id,
        "number": number,
        "structure_hash": found_hash,
        "bundle": parsed.bundle,
        "file": parsed.file,
        "serialized": encode(found).decode(),
        "created_at": tx.now,
    }
    added = tx.change_returning(_ADD_VERSION, values)
    return added[0].pk if added else None


def _is_paused_at_creation(tx: Transaction, found: SerializedDag) -> bool:
    return tx.options.paused_at_creation if found.paused_upon_creation is None else found.paused_upon_creation


def _owners(found: SerializedDag) -> list[str]:
    return sorted({task.owner for task in found.tasks})


def _retire(tx: Transaction, parsed: ParsedFile, declared: set[str]) -> None:
    """DAGs that the file declared before and does not declare now are stale."""
    before = tx.rows(_DECLARED, {"bundle": parsed.bundle, "file": parsed.file, "stale": False})
    gone = [row.dag_id for row in before if row.dag_id not in declared]
    if gone:
        tx.change(_MAKE_STALE, {"dag_ids": gone})


def _record_errors(tx: Transaction, parsed: ParsedFile, errors: list[DagImportError]) -> None:
    tx.change(_DROP_ERRORS, {"of": parsed.bundle, "at_file": parsed.file})
    rows = [
        {"bundle": parsed.bundle, "file": parsed.file, "origin": PARSE, "error": to_plain(error), "at": tx.now}
        for error in errors
    ]
    tx.change(_ADD_ERRORS, rows)


def _error(parsed: ParsedFile, kind: str, message: str, line: int | None = None) -> DagImportError:
    return DagImportError(file=parsed.file, line=line, type=kind, message=message[:10_000])


def _limits(found: SerializedDag) -> dict[str, Any]:
    return {
        "max_active_tasks": found.max_active_tasks or DEFAULT_MAX_ACTIVE_TASKS,
        "max_consecutive_failed_runs": found.max_consecutive_failed_dag_runs,
        "dagrun_timeout_seconds": found.dagrun_timeout_seconds,
        "timetable": None if found.timetable is None else to_plain(found.timetable),
    }

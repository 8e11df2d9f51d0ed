"""What DAGs there are, and whether they are paused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Text, and_, cast, exists, func, or_, select
from sqlalchemy import bindparam as bind

from tradewind.server.contract import DagImportError, Grants, ProblemReason, SerializedDag, decode, from_plain
from tradewind.server.domain import grants
from tradewind.server.domain.refusals import Refused
from tradewind.server.domain.schedules import Schedule
from tradewind.server.store import audit, plans
from tradewind.server.store.revisions import wake_queue
from tradewind.server.store.rows import DagRow, DagVersionRow, ImportErrorRow, Page
from tradewind.server.store.tables import dag, import_error
from tradewind.server.store.tables import dag_version as version
from tradewind.server.store.transaction import Transaction

_KEPT_VERSIONS = 256
_NUMBERS = 2**31
"""Numbers of versions are below it: larger ones would be an error of the database."""

_HAS_ERRORS = exists().where(and_(import_error.c.bundle == dag.c.bundle, import_error.c.file == dag.c.file))
_DAGS = select(dag, _HAS_ERRORS.label("has_import_errors"))
_DAG = _DAGS.where(dag.c.dag_id == bind("dag_id"))
_SET_PAUSED = (
    dag.update().where(dag.c.dag_id == bind("of"), dag.c.paused != bind("paused")).values(paused=bind("paused"))
)
_VERSION = select(version).where(version.c.pk == bind("pk"))
_NUMBERED = select(version).where(version.c.dag_id == bind("dag_id"), version.c.number == bind("number"))
_SERIALIZED = select(version.c.serialized).where(version.c.pk == bind("pk"))
_VERSIONS = select(version).where(version.c.dag_id == bind("dag_id")).order_by(version.c.number)
_ERRORS = select(import_error).order_by(import_error.c.bundle, import_error.c.file, import_error.c.pk)
_ERROR_PAGE = _ERRORS.limit(bind("most")).offset(bind("skip"))
_ERROR_TOTAL = select(func.count()).select_from(import_error)
_ERROR = select(import_error).where(import_error.c.pk == bind("pk"))


def list_dags(
    tx: Transaction,
    *,
    limit: int = 100,
    offset: int = 0,
    paused: bool | None = None,
    stale: bool | None = False,
    pattern: str | None = None,
    tags: Sequence[str] = (),
) -> Page[DagRow]:
    """DAGs by name.

    Args:
        tx: a transaction.
        limit: most rows.
        offset: rows to leave out before them.
        paused: only those that are paused, or not; both when absent.
        stale: whether to list those that their file does not declare any more; both when None.
        pattern: text that the name contains.
        tags: only those with any of these tags.
    """
    found = _DAGS
    if paused is not None:
        found = found.where(dag.c.paused == paused)
    if stale is not None:
        found = found.where(dag.c.stale == stale)
    if pattern:
        found = found.where(dag.c.dag_id.contains(pattern.replace("\0", ""), autoescape=True))
    if tags:
        found = found.where(_has_tag(tags))
    total = tx.value(select(func.count()).select_from(found.subquery()))
    rows = tx.rows(found.order_by(dag.c.dag_id).limit(limit).offset(offset))
    return Page([DagRow(**row._asdict()) for row in rows], total)


def _has_tag(tags: Sequence[str]) -> Any:
    """Tags are stored as a JSON list, in which each one stands in quotes."""
    listed = cast(dag.c.tags, Text())
    return or_(*(listed.contains(json.dumps(tag), autoescape=True) for tag in tags))


def get_dag(tx: Transaction, dag_id: str) -> DagRow:
    """One DAG, also when its file does not declare it any more.

    Raises:
        Refused: `not_found`.
    """
    row = None if "\0" in dag_id else tx.row(_DAG, {"dag_id": dag_id})
    if row is None:
        raise Refused(ProblemReason.NOT_FOUND, f"there is no DAG {dag_id}", field="dag_id")
    return DagRow(**row._asdict())


def set_paused(tx: Transaction, dag_id: str, paused: bool, *, actor: str | None = None) -> DagRow:  # noqa: FBT001
    """Pause a DAG or let it go on; a paused DAG has no scheduled runs, and its queued runs wait.

    What its schedule missed meanwhile is made up for with catch-up alone.

    Raises:
        Refused: `not_found`.
    """
    if tx.change(_SET_PAUSED, {"of": dag_id, "paused": paused}):
        if actor is not None:
            audit.append(tx, actor=actor, action="pause_dag" if paused else "unpause_dag", subject=dag_id)
        if not paused:
            plans.replan(tx, dag_id, Schedule.of(dag_version(tx, get_dag(tx, dag_id).dag_version_pk)))
            wake_queue(tx, [dag_id])
            tx.hint("ready")
    return get_dag(tx, dag_id)


def dag_version(tx: Transaction, dag_version_pk: int) -> SerializedDag:
    """The structure that a run is pinned to. A version never changes, so that those read last are kept.

    Raises:
        Refused: `not_found`.
    """
    cache: dict[int, SerializedDag] = tx.cache.setdefault("dag_versions", {})
    known = cache.get(dag_version_pk)
    if known is None:
        text = tx.value(_SERIALIZED, {"pk": dag_version_pk})
        if text is None:
            raise Refused(ProblemReason.NOT_FOUND, f"there is no DAG version {dag_version_pk}", field="dag_version")
        known = decode(SerializedDag, text)
        if len(cache) >= _KEPT_VERSIONS:
            cache.clear()
        cache[dag_version_pk] = known
    return known


def effective_grants(tx: Transaction, dag_version_pk: int, task_id: str) -> Grants:
    """What a task of a DAG version declares to read, its DAG's declarations included.

    Raises:
        Refused: `not_found`: no such version, or it has no such task.
    """
    cache: dict[tuple[int, str], Grants] = tx.cache.setdefault("grants", {})
    known = cache.get((dag_version_pk, task_id))
    if known is None:
        try:
            known = grants.effective_grants(dag_version(tx, dag_version_pk), task_id)
        except KeyError:
            raise Refused(ProblemReason.NOT_FOUND, f"the DAG has no task {task_id}", field="task_id") from None
        if len(cache) >= _KEPT_VERSIONS * 16:
            cache.clear()
        cache[dag_version_pk, task_id] = known
    return known


def get_dag_version(tx: Transaction, dag_version_pk: int) -> DagVersionRow:
    """One version with its structure.

    Raises:
        Refused: `not_found`.
    """
    row = tx.row(_VERSION, {"pk": dag_version_pk})
    if row is None:
        raise Refused(ProblemReason.NOT_FOUND, f"there is no DAG version {dag_version_pk}", field="dag_version")
    return _version(row)


def find_dag_version(tx: Transaction, dag_id: str, number: int, *, field: str = "version_number") -> DagVersionRow:
    """One version with its structure, by its number within the DAG.

    Args:
        tx: a transaction.
        dag_id: the DAG.
        number: counted from 1.
        field: how the caller of the API named the number.

    Raises:
        Refused: `not_found`.
    """
    row = tx.row(_NUMBERED, {"dag_id": dag_id, "number": number}) if 0 < number < _NUMBERS else None
    if row is None:
        raise Refused(ProblemReason.NOT_FOUND, f"DAG {dag_id} has no version {number}", field=field)
    return _version(row)


def list_dag_versions(tx: Transaction, dag_id: str) -> list[DagVersionRow]:
    """The versions of a DAG, oldest first."""
    return [_version(row) for row in tx.rows(_VERSIONS, {"dag_id": dag_id})]


def list_import_errors(tx: Transaction, *, limit: int = 100, offset: int = 0) -> Page[ImportErrorRow]:
    """Import errors by file."""
    rows = tx.rows(_ERROR_PAGE, {"most": limit, "skip": offset})
    return Page([_import_error(row) for row in rows], tx.value(_ERROR_TOTAL))


def get_import_error(tx: Transaction, id: int) -> ImportErrorRow:
    """One import error.

    Raises:
        Refused: `not_found`.
    """
    row = tx.row(_ERROR, {"pk": id})
    if row is None:
        raise Refused(ProblemReason.NOT_FOUND, f"there is no import error {id}", field="id")
    return _import_error(row)


def _version(row: Any) -> DagVersionRow:
    values = row._asdict()
    return DagVersionRow(dag=decode(SerializedDag, values.pop("serialized")), **values)


def _import_error(row: Any) -> ImportErrorRow:
    error = from_plain(DagImportError, row.error)
    return ImportErrorRow(id=row.pk, bundle=row.bundle, file=row.file, error=error, at=row.at)

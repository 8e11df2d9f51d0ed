"""Finding dispatches: the live one that a request acts for, and those that are to be delivered again."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import and_, func, select, text
from sqlalchemy import bindparam as bind

from tradewind.server.contract import ActivityKind, ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store.dispatches.activities import PARSE_COLUMNS, TASK_COLUMNS, execute_task, parse_dag_file
from tradewind.server.store.handouts import Dispatch, DispatchedTask, Handout, WorkerBinding
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dag_run, dispatch, parse, task_instance, worker_session
from tradewind.server.store.transaction import Transaction

_IS_LIVE = dispatch.c.ended_at.is_(None)
_ONE = (
    select(
        dispatch.c.dispatch_id,
        dispatch.c.kind,
        dispatch.c.activity_id,
        dispatch.c.executor,
        dispatch.c.credential_id,
        dispatch.c.session_id,
        dispatch.c.instance_id,
        dispatch.c.worker,
        dispatch.c.started_at,
        dispatch.c.ended_at,
        dispatch.c.end_reason,
        dispatch.c.takeover_after_seconds,
        dispatch.c.instance_pk,
        task_instance.c.run_pk,
        task_instance.c.task_id,
        task_instance.c.map_index,
        task_instance.c.try_number,
        dag_run.c.dag_version_pk,
        dag_run.c.dag_id,
        dag_run.c.run_id,
        func.coalesce(dag_run.c.bundle, parse.c.bundle).label("bundle"),
        func.coalesce(dag_run.c.snapshot, parse.c.snapshot).label("snapshot"),
        func.coalesce(dag_run.c.file, parse.c.file).label("file"),
    )
    .select_from(
        dispatch.outerjoin(task_instance, task_instance.c.pk == dispatch.c.instance_pk)
        .outerjoin(dag_run, dag_run.c.pk == task_instance.c.run_pk)
        .outerjoin(parse, and_(dispatch.c.instance_pk.is_(None), parse.c.parse_id == dispatch.c.activity_id))
    )
    .where(dispatch.c.dispatch_id == bind("dispatch"))
)
_DISPATCH_COLUMNS = (
    dispatch.c.dispatch_id,
    dispatch.c.activity_id,
    dispatch.c.executor.label("of_executor"),
    dispatch.c.credential_id,
    dispatch.c.session_id,
    dispatch.c.instance_id,
    dispatch.c.worker,
    dispatch.c.claimed_at,
    dispatch.c.takeover_after_seconds.label("of_takeover_after_seconds"),
    func.coalesce(worker_session.c.connection_epoch, 0).label("connection_epoch"),
)
_WITH_SESSION = dispatch.outerjoin(worker_session, worker_session.c.session_id == dispatch.c.session_id)
_TASKS = (
    select(*_DISPATCH_COLUMNS, *TASK_COLUMNS)
    .select_from(
        _WITH_SESSION.join(task_instance, task_instance.c.pk == dispatch.c.instance_pk).join(
            dag_run, dag_run.c.pk == task_instance.c.run_pk
        )
    )
    .where(within(dispatch.c.dispatch_id, "dispatches"), _IS_LIVE)
    .order_by(dispatch.c.dispatch_id)
)
_PARSES = (
    select(*_DISPATCH_COLUMNS, *PARSE_COLUMNS)
    .select_from(_WITH_SESSION.join(parse, parse.c.parse_id == dispatch.c.activity_id))
    .where(within(dispatch.c.dispatch_id, "dispatches"), _IS_LIVE)
    .order_by(dispatch.c.dispatch_id)
)
_KEPT = (
    select(dispatch.c.ended_at, dispatch.c.end_reason)
    .where(dispatch.c.dispatch_id == bind("dispatch"))
    .with_for_update(read=True)
)
_LIVE_AMONG = select(dispatch.c.dispatch_id).where(within(dispatch.c.dispatch_id, "dispatches"), _IS_LIVE)
_NOT_STARTED = (
    select(dispatch.c.dispatch_id)
    .where(text("dispatch.ended_at IS NULL AND dispatch.session_id IS NULL"), dispatch.c.executor == bind("executor"))
    .order_by(dispatch.c.claimed_at, dispatch.c.dispatch_id)
)


def unknown_dispatch(dispatch_id: str) -> Refused:
    """The refusal for a dispatch that never was."""
    return Refused(ProblemReason.UNKNOWN_DISPATCH, f"there is no dispatch {dispatch_id}", field="dispatch_id")


def dispatch_ended(dispatch_id: str, end_reason: str | None) -> Refused:
    """The refusal for a dispatch that may not act any more."""
    return Refused(
        ProblemReason.DISPATCH_ENDED,
        f"dispatch {dispatch_id} has ended ({end_reason})",
        field="dispatch_id",
        action="stop the activity and drop its outcome",
    )


def live_dispatch(tx: Transaction, dispatch_id: str) -> Dispatch:
    """The live dispatch that a request acts for.

    Raises:
        Refused: `unknown_dispatch` or `dispatch_ended`.
    """
    row = tx.row(_ONE, {"dispatch": dispatch_id})
    if row is None:
        raise unknown_dispatch(dispatch_id)
    if row.ended_at is not None:
        raise dispatch_ended(dispatch_id, row.end_reason)
    task = None
    if row.instance_pk is not None:
        task = DispatchedTask(
            instance_pk=row.instance_pk,
            run_pk=row.run_pk,
            dag_version_pk=row.dag_version_pk,
            dag_id=row.dag_id,
            run_id=row.run_id,
            task_id=row.task_id,
            map_index=row.map_index,
            try_number=row.try_number,
            try_id=row.activity_id,
        )
    return Dispatch(
        dispatch_id=row.dispatch_id,
        kind=ActivityKind(row.kind),
        activity_id=row.activity_id,
        executor=row.executor,
        credential_id=row.credential_id,
        session_id=row.session_id,
        instance_id=row.instance_id,
        worker=row.worker,
        started_at=row.started_at,
        takeover_after_seconds=row.takeover_after_seconds,
        bundle=row.bundle,
        snapshot=row.snapshot,
        file=row.file,
        task=task,
    )


def keep_live(tx: Transaction, dispatch_id: str) -> None:
    """See to it that a dispatch found live stays so until this transaction ends; with one writer it does anyway.

    Raises:
        Refused: `dispatch_ended`: another process has ended it meanwhile.
    """
    if tx.dialect == "postgresql":
        row = tx.row(_KEPT, {"dispatch": dispatch_id})
        if row is None or row.ended_at is not None:
            raise dispatch_ended(dispatch_id, None if row is None else row.end_reason)


def handouts(tx: Transaction, dispatch_ids: Collection[str]) -> list[Handout]:
    """What live dispatches hand out, as their claim returned it; those that ended are left out."""
    if not dispatch_ids:
        return []
    wanted = {"dispatches": sorted(dispatch_ids)}
    found = [_handout(row, None) for row in tx.rows(_PARSES, wanted)]
    found += [_handout(row, row.dag_version_pk) for row in tx.rows(_TASKS, wanted)]
    return sorted(found, key=lambda handout: handout.dispatch_id)


def handout(tx: Transaction, dispatch_id: str) -> Handout:
    """What one live dispatch hands out.

    Raises:
        Refused: `unknown_dispatch` or `dispatch_ended`.
    """
    found = handouts(tx, [dispatch_id])
    if not found:
        live_dispatch(tx, dispatch_id)
        raise unknown_dispatch(dispatch_id)
    return found[0]


def undelivered(tx: Transaction, executor: str) -> list[Handout]:
    """What a broker has and nobody has started: to be delivered again under the same id, with a new ticket."""
    return handouts(tx, [row.dispatch_id for row in tx.rows(_NOT_STARTED, {"executor": executor})])


def ended_among(tx: Transaction, dispatch_ids: Iterable[str]) -> list[str]:
    """Those of the dispatches that are not live, in their order; unknown ones are among them."""
    asked = list(dispatch_ids)
    live = {row.dispatch_id for row in tx.rows(_LIVE_AMONG, {"dispatches": asked})} if asked else set()
    return [dispatch_id for dispatch_id in asked if dispatch_id not in live]


def _handout(row: Any, dag_version_pk: int | None) -> Handout:
    worker = None
    if row.session_id is not None:
        worker = WorkerBinding(
            session_id=row.session_id,
            credential_id=row.credential_id,
            instance_id=row.instance_id,
            connection_epoch=row.connection_epoch,
            worker=row.worker,
        )
    is_task = dag_version_pk is not None
    return Handout(
        dispatch_id=row.dispatch_id,
        activity=execute_task(row, try_id=row.activity_id, try_number=row.try_number)
        if is_task
        else parse_dag_file(row),
        executor=row.of_executor,
        queue=row.queue if is_task else None,
        worker=worker,
        dag_version_pk=dag_version_pk,
        takeover_after_seconds=row.of_takeover_after_seconds,
        claimed_at=row.claimed_at,
    )

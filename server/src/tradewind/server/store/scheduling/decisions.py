"""Carrying out what was decided about a run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, String, func, select, text
from sqlalchemy import bindparam as bind

from tradewind.server.contract import (
    DAG_RUN_FINAL,
    DAG_RUN_TRANSITIONS,
    DagRunEvent,
    DagRunState,
    RunEndCause,
    TaskInstanceState,
    to_plain,
)
from tradewind.server.domain.decisions import InstanceMove, RunDecision
from tradewind.server.store import events, revisions
from tradewind.server.store.column_types import Json, UtcDateTime
from tradewind.server.store.dags.catalogue import set_paused
from tradewind.server.store.dispatches.stopping import stop_live_tries
from tradewind.server.store.handouts import StopCause
from tradewind.server.store.scheduling.leadership import still_leads
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dag, dag_run, dispatch, task_instance
from tradewind.server.store.transaction import Transaction

ACTOR = "scheduler"

_LIVE: Final = frozenset({TaskInstanceState.QUEUED, TaskInstanceState.RUNNING})
_STOP_CAUSES: Final = {
    RunEndCause.CANCELLED: StopCause.CANCELLED,
    RunEndCause.TIMED_OUT: StopCause.TIMED_OUT,
    RunEndCause.FAILED_FAST: StopCause.FAILED_FAST,
}

_REVISIONS = select(task_instance.c.pk, task_instance.c.rev).where(within(task_instance.c.pk, "pks")).with_for_update()
_FREE_DISPATCHES = (
    select(dispatch.c.instance_pk)
    .where(
        text("dispatch.gone_at IS NULL AND dispatch.instance_pk IS NOT NULL"),
        within(dispatch.c.instance_pk, "pks"),
        dispatch.c.ended_at.is_(None),
    )
    .with_for_update(skip_locked=True)
)
_DECIDE = (
    dag_run.update()
    .where(dag_run.c.pk == bind("of"), dag_run.c.rev == bind("expected_rev", type_=BigInteger()))
    .values(
        rev=bind("to_rev", type_=BigInteger()),
        state=bind("to_state", type_=String()),
        dirty_at=bind("to_dirty_at", type_=UtcDateTime()),
        started_at=func.coalesce(bind("to_started_at", type_=UtcDateTime()), dag_run.c.started_at),
        ended_at=bind("to_ended_at", type_=UtcDateTime()),
        timeout_at=bind("to_timeout_at", type_=UtcDateTime()),
        end_reason=bind("to_end_reason", type_=Json()),
        held_by_run_pk=bind("to_held_by", type_=BigInteger()),
        changed_at=bind("at", type_=UtcDateTime()),
    )
)
_CLEAR = (
    dag_run.update()
    .where(dag_run.c.pk == bind("of"), dag_run.c.rev == bind("expected_rev", type_=BigInteger()))
    .values(dirty_at=bind("to_dirty_at", type_=UtcDateTime()))
)
_MOVE = (
    task_instance.update()
    .where(task_instance.c.pk == bind("of"), task_instance.c.rev == bind("expected_rev", type_=BigInteger()))
    .values(
        state=bind("to_state", type_=String()),
        rev=task_instance.c.rev + 1,
        run_rev=bind("to_run_rev", type_=BigInteger()),
        reason=bind("to_reason", type_=Json()),
        scheduled_at=bind("to_scheduled_at", type_=UtcDateTime()),
        ended_at=bind("to_ended_at", type_=UtcDateTime()),
        retry_at=None,
        changed_at=bind("at", type_=UtcDateTime()),
    )
)
_MOST_FAILED = select(dag.c.max_consecutive_failed_runs).where(
    dag.c.dag_id == bind("dag_id"), dag.c.max_consecutive_failed_runs > 0, dag.c.paused.is_(False)
)
_LAST_ENDS = (
    select(dag_run.c.state)
    .where(dag_run.c.dag_id == bind("dag_id"), text("dag_run.state IN ('success', 'failed')"))
    .order_by(dag_run.c.pk.desc())
    .limit(bind("most"))
)


def apply_decision(tx: Transaction, epoch: int, decision: RunDecision) -> int | None:
    """Carry out what was decided about a run, if the decision is still right.

    Args:
        tx: a transaction that writes.
        epoch: epoch of the leader that decided.
        decision: what to do.

    Returns:
        The revision of the run afterwards; None, with nothing changed, when the leader, the run or one of the task
        instances has changed since, or a live try that is to be stopped is just being reported on.
    """
    if not still_leads(tx, epoch):
        return None
    revisions.seen(tx, [decision.run_pk])
    to_dirty_at = None if decision.complete else tx.now
    expected = {"of": decision.run_pk, "expected_rev": decision.run_rev}
    if not decision.changes:
        cleared = tx.change(_CLEAR, {**expected, "to_dirty_at": to_dirty_at})
        return decision.run_rev if cleared else None
    live = [move.pk for move in decision.moves if move.from_state in _LIVE]
    if not _tries_are_free(tx, live) or not _revisions_fit(tx, decision.moves):
        return None
    rev = decision.run_rev + 1
    if not tx.change(_DECIDE, {**expected, **_run_values(tx, decision, rev, to_dirty_at)}):
        return None
    stopped: dict[int, str] = {}
    if live and decision.facts.end is not None:
        stopped = stop_live_tries(tx, live, cause=_STOP_CAUSES[decision.facts.end.cause], actor=ACTOR)
    _move(tx, decision, rev, stopped)
    if not decision.complete:
        tx.hint("dirty")
    return rev


def pause_after_failures(tx: Transaction, dag_id: str) -> bool:
    """Pause a DAG of which as many of the newest runs that ended have failed as it allows; whether it was paused."""
    most = tx.value(_MOST_FAILED, {"dag_id": dag_id})
    if most is None:
        return False
    ends = [row.state for row in tx.rows(_LAST_ENDS, {"dag_id": dag_id, "most": most})]
    if len(ends) < most or set(ends) != {DagRunState.FAILED.value}:
        return False
    set_paused(tx, dag_id, paused=True, actor=ACTOR)
    return True


def _run_values(tx: Transaction, decision: RunDecision, rev: int, to_dirty_at: datetime | None) -> dict[str, Any]:
    facts = decision.facts
    return {
        "to_rev": rev,
        "to_state": decision.run_state.value,
        "to_dirty_at": to_dirty_at,
        "to_started_at": tx.now if decision.run_event is DagRunEvent.START else None,
        "to_ended_at": tx.now if decision.run_state in DAG_RUN_FINAL else None,
        "to_timeout_at": facts.timeout_at,
        "to_end_reason": None if facts.end is None else to_plain(facts.end),
        "to_held_by": facts.held_by,
        "at": tx.now,
    }


def _tries_are_free(tx: Transaction, instance_pks: Collection[int]) -> bool:
    """Hold the dispatches of live tries, unless a report holds one of them: it waits for the run that we hold."""
    return not instance_pks or len(tx.rows(_FREE_DISPATCHES, {"pks": sorted(instance_pks)})) == len(instance_pks)


def _revisions_fit(tx: Transaction, moves: Collection[InstanceMove]) -> bool:
    if not moves:
        return True
    found = {row.pk: row.rev for row in tx.rows(_REVISIONS, {"pks": [move.pk for move in moves]})}
    return all(found.get(move.pk) == move.rev for move in moves)


def _move(tx: Transaction, decision: RunDecision, rev: int, stopped: Mapping[int, str]) -> None:
    changes: list[dict[str, Any]] = []
    for move in decision.moves:
        scheduled = move.to_state is TaskInstanceState.SCHEDULED
        changes.append(
            {
                "of": move.pk,
                "expected_rev": move.rev,
                "to_state": move.to_state.value,
                "to_run_rev": rev,
                "to_reason": None if move.reason is None else to_plain(move.reason),
                "to_scheduled_at": tx.now if scheduled else None,
                "to_ended_at": None if scheduled else tx.now,
                "at": tx.now,
            }
        )
        events.append(
            tx,
            machine="task_instance",
            run_pk=decision.run_pk,
            instance_pk=move.pk,
            from_state=move.from_state.value,
            event=move.event.value,
            to_state=move.to_state.value,
            actor=ACTOR,
            detail=changes[-1]["to_reason"],
            dispatch_id=stopped.get(move.pk),
        )
        if scheduled:
            tx.hint("ready")
    tx.change(_MOVE, changes)
    if decision.run_event is not None:
        tx.hint("run_states")
        events.append(
            tx,
            machine="dag_run",
            run_pk=decision.run_pk,
            instance_pk=None,
            from_state=_state_before(decision).value,
            event=decision.run_event.value,
            to_state=decision.run_state.value,
            actor=ACTOR,
            detail=None if decision.facts.end is None else to_plain(decision.facts.end),
        )


def _state_before(decision: RunDecision) -> DagRunState:
    if decision.state_before is not None:
        return decision.state_before
    return next(
        state
        for (state, event), following in DAG_RUN_TRANSITIONS.items()
        if event is decision.run_event and following is decision.run_state
    )

"""Changes by hand: runs and task instances that are held move by compare-and-set, and it is recorded who did it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, String, func
from sqlalchemy import bindparam as bind

from tradewind.server.contract import DAG_RUN_FINAL, DagRunEvent, TaskInstanceEvent, TaskInstanceState
from tradewind.server.domain.states import next_state
from tradewind.server.store import events
from tradewind.server.store.column_types import Json, UtcDateTime
from tradewind.server.store.dispatches.stopping import stop_live_tries
from tradewind.server.store.handouts import StopCause
from tradewind.server.store.revisions import touch_runs, wake_queue
from tradewind.server.store.runs.held import HeldInstance, HeldRun
from tradewind.server.store.tables import dag_run, task_instance
from tradewind.server.store.transaction import Transaction

_EXPECTED = (
    task_instance.c.pk == bind("of"),
    task_instance.c.rev == bind("expected_rev", type_=BigInteger()),
)
_MOVED: Mapping[str, Any] = {
    "rev": task_instance.c.rev + 1,
    "run_rev": bind("to_run_rev", type_=BigInteger()),
    "dispatch_id": None,
    "retry_at": None,
    "changed_at": bind("at", type_=UtcDateTime()),
}
# The instance is as new, but for the number of its last try and its note.
_RESET = (
    task_instance.update()
    .where(*_EXPECTED)
    .values(
        **_MOVED,
        state=TaskInstanceState.NONE.value,
        failures=0,
        lost=0,
        try_id=None,
        skips=None,
        reason=None,
        scheduled_at=None,
        queued_at=None,
        started_at=None,
        ended_at=None,
    )
)
_END = (
    task_instance.update()
    .where(*_EXPECTED)
    .values(
        **_MOVED,
        state=bind("to_state", type_=String()),
        reason=bind("to_reason", type_=Json()),
        ended_at=bind("at", type_=UtcDateTime()),
    )
)
_CHANGE_RUN = {
    "state": bind("to_state", type_=String()),
    "timeout_at": None,
    "changed_at": bind("at", type_=UtcDateTime()),
}
_OF_RUN = (dag_run.c.pk == bind("of"), dag_run.c.rev == bind("expected_rev", type_=BigInteger()))
_REOPEN = (
    dag_run.update()
    .where(*_OF_RUN)
    .values(
        **_CHANGE_RUN,
        clear_number=dag_run.c.clear_number + 1,
        queued_at=bind("at", type_=UtcDateTime()),
        started_at=None,
        ended_at=None,
        cancelled_at=None,
        end_reason=None,
    )
)
_CLOSE = (
    dag_run.update()
    .where(*_OF_RUN)
    .values(
        **_CHANGE_RUN,
        started_at=func.coalesce(dag_run.c.started_at, bind("at", type_=UtcDateTime())),
        ended_at=bind("at", type_=UtcDateTime()),
        cancelled_at=None,
        end_reason=None,
    )
)


def move_instances(
    tx: Transaction,
    instances: Sequence[HeldInstance],
    event: TaskInstanceEvent,
    *,
    actor: str,
    reason: dict[str, Any] | None = None,
) -> None:
    """Let an event happen to task instances, and stop their live tries; their runs are looked at again.

    Args:
        tx: the transaction that holds them.
        instances: in states that know the event.
        event: `CLEAR` or one of the marks.
        actor: who does it.
        reason: why they are in their new state, as a reason of the contract.

    Raises:
        ConflictError: one of them has changed since it was found.
    """
    cause = StopCause.CLEARED if event is TaskInstanceEvent.CLEAR else StopCause.MARKED
    revs = touch_runs(tx, {instance.run_pk for instance in instances})
    moved = []
    for instance in instances:
        values = {"of": instance.pk, "expected_rev": instance.rev, "to_run_rev": revs[instance.run_pk], "at": tx.now}
        if event is not TaskInstanceEvent.CLEAR:
            values |= {"to_state": next_state("task_instance", instance.state, event).value, "to_reason": reason}
        moved.append(values)
    tx.change_each(_RESET if event is TaskInstanceEvent.CLEAR else _END, moved)
    stopped = stop_live_tries(tx, [instance.pk for instance in instances], cause=cause, actor=actor)
    for instance in instances:
        events.append(
            tx,
            machine="task_instance",
            run_pk=instance.run_pk,
            instance_pk=instance.pk,
            from_state=instance.state.value,
            event=event.value,
            to_state=next_state("task_instance", instance.state, event).value,
            actor=actor,
            dispatch_id=stopped.get(instance.pk),
        )
    if instances:
        tx.hint("run_states")


def move_run(tx: Transaction, run: HeldRun, event: DagRunEvent, *, actor: str) -> None:
    """Let an event happen to a run: `CLEAR` queues it once more, a mark ends it.

    Args:
        tx: the transaction that holds it.
        run: in a state that knows the event; it is in the new state afterwards.
        event: what happens.
        actor: who does it.

    Raises:
        ConflictError: it has changed since it was found.
    """
    state = next_state("dag_run", run.state, event)
    rev = touch_runs(tx, [run.pk])[run.pk]
    statement = _REOPEN if event is DagRunEvent.CLEAR else _CLOSE
    tx.change_each(statement, [{"of": run.pk, "expected_rev": rev, "to_state": state.value, "at": tx.now}])
    events.append(
        tx,
        machine="dag_run",
        run_pk=run.pk,
        instance_pk=None,
        from_state=run.state.value,
        event=event.value,
        to_state=state.value,
        actor=actor,
    )
    run.state, run.ending = state, False
    tx.hint("run_states")
    if state in DAG_RUN_FINAL:
        wake_queue(tx, [run.dag_id])

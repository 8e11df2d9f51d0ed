"""Starts and ends of dispatches, collected and written with one statement for each table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Integer, String, func
from sqlalchemy import bindparam as bind

from tradewind.server.contract import Started, TaskInstanceEvent, TaskInstanceState, XComEntry
from tradewind.server.domain.retries import retry_delay, retry_due_at
from tradewind.server.domain.states import next_state
from tradewind.server.store import events, session_rows
from tradewind.server.store.column_types import FreeText, Json, UtcDateTime
from tradewind.server.store.dispatches.held import Held, HeldInstance, HeldParse
from tradewind.server.store.handouts import FreedPlace
from tradewind.server.store.revisions import touch_runs
from tradewind.server.store.statements import upsert
from tradewind.server.store.tables import dispatch, parse, task_instance, task_try, xcom
from tradewind.server.store.transaction import Transaction

_START_INSTANCE = (
    task_instance.update()
    .where(task_instance.c.pk == bind("of"), task_instance.c.rev == bind("expected_rev", type_=BigInteger()))
    .values(
        state=bind("to_state", type_=String()),
        rev=task_instance.c.rev + 1,
        started_at=bind("to_started_at", type_=UtcDateTime()),
        changed_at=bind("at", type_=UtcDateTime()),
    )
)
_START_TRY = (
    task_try.update()
    .where(task_try.c.try_id == bind("of"))
    .values(
        state="running",
        started_at=bind("to_started_at", type_=UtcDateTime()),
        hostname=bind("to_hostname", type_=FreeText()),
        unixname=bind("to_unixname", type_=FreeText()),
        pid=bind("to_pid", type_=BigInteger()),
    )
)
_START_PARSE = (
    parse.update()
    .where(parse.c.parse_id == bind("of"), parse.c.rev == bind("expected_rev"))
    .values(state="running", rev=parse.c.rev + 1, started_at=bind("to_started_at", type_=UtcDateTime()))
)
_START_DISPATCH = (
    dispatch.update()
    .where(dispatch.c.dispatch_id == bind("of"))
    .values(started_at=bind("to_started_at", type_=UtcDateTime()))
)
_END_INSTANCE = (
    task_instance.update()
    .where(task_instance.c.pk == bind("of"), task_instance.c.rev == bind("expected_rev", type_=BigInteger()))
    .values(
        state=bind("to_state", type_=String()),
        rev=task_instance.c.rev + 1,
        run_rev=bind("to_run_rev", type_=BigInteger()),
        failures=bind("to_failures", type_=Integer()),
        lost=bind("to_lost", type_=Integer()),
        dispatch_id=None,
        skips=bind("to_skips", type_=Json()),
        retry_at=bind("to_retry_at", type_=UtcDateTime()),
        scheduled_at=func.coalesce(bind("to_scheduled_at", type_=UtcDateTime()), task_instance.c.scheduled_at),
        started_at=func.coalesce(task_instance.c.started_at, bind("to_started_at", type_=UtcDateTime())),
        ended_at=bind("to_ended_at", type_=UtcDateTime()),
        changed_at=bind("at", type_=UtcDateTime()),
    )
)
_END_TRY = (
    task_try.update()
    .where(task_try.c.try_id == bind("of"))
    .values(
        state=bind("to_state", type_=String()),
        started_at=func.coalesce(task_try.c.started_at, bind("to_started_at", type_=UtcDateTime())),
        ended_at=bind("to_ended_at", type_=UtcDateTime()),
        error=bind("to_error", type_=Json()),
        hostname=func.coalesce(bind("to_hostname", type_=FreeText()), task_try.c.hostname),
        unixname=func.coalesce(bind("to_unixname", type_=FreeText()), task_try.c.unixname),
        pid=func.coalesce(bind("to_pid", type_=BigInteger()), task_try.c.pid),
    )
)
_END_PARSE = (
    parse.update()
    .where(parse.c.parse_id == bind("of"), parse.c.rev == bind("expected_rev"))
    .values(
        state=bind("to_state", type_=String()),
        rev=parse.c.rev + 1,
        lost=bind("to_lost", type_=Integer()),
        dispatch_id=None,
        scheduled_at=func.coalesce(bind("to_scheduled_at", type_=UtcDateTime()), parse.c.scheduled_at),
        started_at=func.coalesce(parse.c.started_at, bind("to_started_at", type_=UtcDateTime())),
        ended_at=bind("to_ended_at", type_=UtcDateTime()),
    )
)
_END_DISPATCH = (
    dispatch.update()
    .where(dispatch.c.dispatch_id == bind("of"), dispatch.c.ended_at.is_(None))
    .values(
        started_at=func.coalesce(bind("to_started_at", type_=UtcDateTime()), dispatch.c.started_at),
        ended_at=bind("at", type_=UtcDateTime()),
        gone_at=bind("at", type_=UtcDateTime()),
        end_reason=bind("to_reason", type_=String()),
        outcome_digest=bind("to_digest", type_=String()),
    )
)
_PUT_XCOMS = upsert(xcom, "value", "written_at")


class Ledger:
    """What is to be written about dispatches that are held. Their values are kept as they will be afterwards.

    A start and an end that are recorded together are two events and one change of each row.
    """

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._starts: dict[str, tuple[Held, Started]] = {}
        self._rows: dict[Any, list[dict[str, Any]]] = {}
        self._ends: list[tuple[dict[str, Any], int]] = []
        self._one_shots: set[str] = set()

    def start(self, held: Held, started: Started) -> None:
        """User code of a live dispatch is about to run; a repeat changes nothing."""
        if held.started_at is not None:
            return
        held.started_at = self._tx.now
        self._starts[held.dispatch_id] = (held, started)
        if held.instance is not None:
            held.instance.state = self._event(held, held.instance, TaskInstanceEvent.START)

    def end_try(
        self,
        held: Held,
        instance: HeldInstance,
        event: TaskInstanceEvent,
        *,
        try_state: str,
        reason: str,
        digest: str | None = None,
        error: dict[str, Any] | None = None,
        failed: bool = False,
        lost: bool = False,
        skips: Sequence[str] | None = None,
        started_at: datetime | None = None,
        ended_at: datetime | None = None,
        actor: str | None = None,
    ) -> None:
        """A live dispatch ends, and its task instance goes where the event leads.

        Args:
            held: the dispatch.
            instance: its task instance.
            event: a word of the table of states.
            try_state: state in which the try is closed.
            reason: why the dispatch ended.
            digest: identity of the outcome, if one was reported.
            error: `TaskError` as plain JSON.
            failed: whether it counts as a failed try.
            lost: whether it counts as a lost try.
            skips: tasks that a successful try declared not needed; whatever an earlier one declared is gone.
            started_at: on the worker's clock.
            ended_at: on the worker's clock; now when absent.
            actor: who says so; the worker when absent.
        """
        tx = self._tx
        started = self._take_start(held)
        moment = started_at or (started and started.started_at)
        began = within_life(moment, held, tx.now) if moment else None
        end = within_life(ended_at, held, tx.now) if ended_at else tx.now
        # The clock of the worker may have been set back since its start was recorded.
        end = max(end, began or instance.started_at or end)
        state = self._event(held, instance, event, detail=_in_short(error), actor=actor)
        again = state is TaskInstanceState.SCHEDULED
        retry_at = _retry_at(tx.now, instance, error) if state is TaskInstanceState.UP_FOR_RETRY else None
        instance.failures += failed
        instance.lost += lost
        values = {
            "of": instance.pk,
            "expected_rev": instance.rev,
            "to_state": state.value,
            "to_failures": instance.failures,
            "to_lost": instance.lost,
            "to_retry_at": retry_at,
            "to_skips": list(skips) if skips else None,
            "to_scheduled_at": tx.now if again else None,
            "to_started_at": began,
            "to_ended_at": None if again else end,
            "at": tx.now,
        }
        self._ends.append((values, instance.run_pk))
        instance.state = state
        instance.rev += 1
        self._put(
            _END_TRY,
            of=held.activity_id,
            to_state=try_state,
            to_started_at=began,
            to_ended_at=end,
            to_error=error,
            to_hostname=started and started.hostname,
            to_unixname=started and started.unixname,
            to_pid=started and started.pid,
        )
        self._end_dispatch(held, reason, digest, started)
        # What a limit holds back may go as soon as something has ended.
        tx.hint("ready" if again else "freed")

    def end_parse(
        self, held: Held, activity: HeldParse, *, again: bool, lost: bool, reason: str, digest: str | None = None
    ) -> None:
        """A live dispatch of a parse ends; the parse is over, or waits to be handed out again."""
        tx = self._tx
        started = self._take_start(held)
        activity.lost += lost
        self._put(
            _END_PARSE,
            of=activity.parse_id,
            expected_rev=activity.rev,
            to_state="scheduled" if again else "ended",
            to_lost=activity.lost,
            to_scheduled_at=tx.now if again else None,
            to_started_at=started and within_life(started.started_at, held, tx.now),
            to_ended_at=None if again else tx.now,
        )
        activity.rev += 1
        self._end_dispatch(held, reason, digest, started)
        # Another parse of the same file may have waited for the end of this one.
        tx.hint("to_parse")

    def put_xcoms(self, instance: HeldInstance, entries: Iterable[XComEntry]) -> None:
        """What a try leaves; a key that is there already is replaced."""
        # The last one counts where a key comes twice: a statement changes a row once.
        for entry in {entry.key: entry for entry in entries}.values():
            self._put(_PUT_XCOMS, instance_pk=instance.pk, key=entry.key, value=entry.value, written_at=self._tx.now)

    def write(self) -> None:
        """Write everything, runs before task instances."""
        tx = self._tx
        for held, started in self._starts.values():
            self._put_start(held, started)
        revs = touch_runs(tx, [run_pk for _, run_pk in self._ends])
        ends = [{**values, "to_run_rev": revs[run_pk]} for values, run_pk in self._ends]
        for statement in (_START_INSTANCE, _START_PARSE, _START_TRY, _START_DISPATCH):
            tx.change_each(statement, self._rows.get(statement, []))
        tx.change_each(_END_INSTANCE, ends)
        for statement in (_END_PARSE, _END_TRY, _END_DISPATCH):
            tx.change_each(statement, self._rows.get(statement, []))
        tx.change(_PUT_XCOMS, self._rows.get(_PUT_XCOMS, []))
        session_rows.close_one_shots(tx, self._one_shots)

    def _put(self, statement: Any, **values: Any) -> None:
        self._rows.setdefault(statement, []).append(values)

    def _take_start(self, held: Held) -> Started | None:
        """The start that was recorded together with the end that follows."""
        _, started = self._starts.pop(held.dispatch_id, (held, None))
        return started

    def _put_start(self, held: Held, started: Started) -> None:
        now = self._tx.now
        moment = within_life(started.started_at, held, now)
        self._put(_START_DISPATCH, of=held.dispatch_id, to_started_at=now)
        if held.parse is not None:
            self._put(_START_PARSE, of=held.parse.parse_id, expected_rev=held.parse.rev, to_started_at=moment)
            held.parse.rev += 1
        if held.instance is None:
            return
        self._put(
            _START_INSTANCE,
            of=held.instance.pk,
            expected_rev=held.instance.rev,
            to_state=held.instance.state.value,
            to_started_at=moment,
            at=now,
        )
        self._put(
            _START_TRY,
            of=held.activity_id,
            to_started_at=moment,
            to_hostname=started.hostname,
            to_unixname=started.unixname,
            to_pid=started.pid,
        )
        held.instance.rev += 1

    def _end_dispatch(self, held: Held, reason: str, digest: str | None, started: Started | None) -> None:
        held.ended_at = held.gone_at = self._tx.now
        held.end_reason = reason
        held.outcome_digest = digest
        self._put(
            _END_DISPATCH,
            of=held.dispatch_id,
            at=self._tx.now,
            to_started_at=started and self._tx.now,
            to_reason=reason,
            to_digest=digest,
        )
        if held.session_id is not None:
            if held.nonce is not None:
                self._one_shots.add(held.session_id)
            elif digest is not None:
                freed = FreedPlace(held.dispatch_id, held.executor, held.kind, held.session_id)
                places_freed(self._tx).append(freed)

    def _event(
        self,
        held: Held,
        instance: HeldInstance,
        event: TaskInstanceEvent,
        *,
        detail: dict[str, Any] | None = None,
        actor: str | None = None,
    ) -> TaskInstanceState:
        state = next_state("task_instance", instance.state, event)
        events.append(
            self._tx,
            machine="task_instance",
            run_pk=instance.run_pk,
            instance_pk=instance.pk,
            from_state=instance.state.value,
            event=event.value,
            to_state=state.value,
            actor=actor or (f"worker:{held.worker}" if held.worker else f"executor:{held.executor}"),
            detail=detail,
            dispatch_id=held.dispatch_id,
        )
        return state


def places_freed(tx: Transaction) -> list[FreedPlace]:
    """Places of connected workers that this transaction frees."""
    freed: list[FreedPlace] = tx.memo.setdefault("places_freed", [])
    return freed


def within_life(moment: datetime, held: Held, now: datetime) -> datetime:
    """A moment on a worker's clock, which may be wrong, brought between the handing-out of the dispatch and now."""
    return min(max(moment, held.claimed_at), now)


def _retry_at(now: datetime, instance: HeldInstance, error: dict[str, Any] | None) -> datetime:
    """When the next try is due, as the task declares it or its retry policy decided."""
    pause = retry_delay(
        instance.retry_delay_seconds,
        failures=instance.failures,
        backoff=instance.retry_backoff,
        most_seconds=instance.max_retry_delay_seconds,
        decided_seconds=(error or {}).get("retry_delay_seconds"),
    )
    return retry_due_at(now, pause)


def _in_short(error: dict[str, Any] | None) -> dict[str, Any] | None:
    """An error without its traceback, which the try keeps."""
    return None if error is None else {key: value for key, value in error.items() if key != "traceback"}

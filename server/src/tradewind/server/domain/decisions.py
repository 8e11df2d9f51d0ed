"""What is known about a run and what is to be done about it, as values between scheduler and store."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tradewind.server.contract import (
    DagRunEvent,
    DagRunState,
    Reason,
    RunEnded,
    TaskInstanceEvent,
    TaskInstanceState,
)


@dataclass(frozen=True, slots=True)
class InstanceFact:
    """A task instance as its row says.

    Attributes:
        pk: key of the row.
        task_id: task of the run's DAG version.
        map_index: -1 for a task that is not mapped.
        state: its state.
        rev: revision of the row, for compare-and-set.
        retry_at: when the next try is due, in `up_for_retry`.
        skips: tasks that it declared not needed when it succeeded.
        ended_at: when it ended last.
    """

    pk: int
    task_id: str
    map_index: int
    state: TaskInstanceState
    rev: int
    retry_at: datetime | None = None
    skips: tuple[str, ...] = ()
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the row of a run says beside its state.

    Attributes:
        logical_date: the date that the run is about, if any.
        started_at: when it started last.
        timeout_at: when it is to be ended; None for never, or once it is being ended.
        end: why it has to end before its tasks do; None while it need not.
        held_by: key of the run before that task instances wait for; None for none.
    """

    logical_date: datetime | None = None
    started_at: datetime | None = None
    timeout_at: datetime | None = None
    end: RunEnded | None = None
    held_by: int | None = None


@dataclass(frozen=True, slots=True)
class InstanceMove:
    """A change of one task instance, to be made only if its revision is still `rev`; it becomes `rev` + 1.

    Attributes:
        pk: key of the row.
        rev: revision that the decision is based on.
        event: event of the table of states.
        from_state: state that the decision is based on; a live try is stopped.
        to_state: state that follows.
        reason: why it will not run or go on; None when the event says it all.
    """

    pk: int
    rev: int
    event: TaskInstanceEvent
    from_state: TaskInstanceState
    to_state: TaskInstanceState
    reason: Reason | None = None


class Moves:
    """The moves of one decision while it is made.

    Args:
        now: its moment.
        most: how many there may be.
    """

    __slots__ = ("_most", "made", "now")

    def __init__(self, now: datetime, most: int) -> None:
        self.now = now
        self.made: list[InstanceMove] = []
        self._most = most

    @property
    def room(self) -> int:
        """How many more there may be."""
        return self._most - len(self.made)


@dataclass(frozen=True, slots=True)
class RunDecision:
    """Everything to be done about one run now.

    Attributes:
        run_pk: key of the run's row.
        run_rev: revision of the run that the decision is based on.
        run_event: change of the run itself, made after the moves; None for none.
        run_state: state of the run afterwards.
        moves: changes of its task instances, upstream ones first.
        next_wake: earliest moment at which there is something to do without any further change; None for never.
        complete: whether nothing is left to do now. If not, the run stays dirty and is looked at again.
        facts: what the row of the run is to say afterwards.
        facts_changed: whether that is something else than before.
        state_before: state of the run before; None when only one leads to the new one by the event.
    """

    run_pk: int
    run_rev: int
    run_event: DagRunEvent | None
    run_state: DagRunState
    moves: tuple[InstanceMove, ...]
    next_wake: datetime | None
    complete: bool
    facts: RunFacts = field(default_factory=RunFacts)
    facts_changed: bool = False
    state_before: DagRunState | None = None

    @property
    def changes(self) -> bool:
        """Whether there is anything to write beside clearing the mark."""
        return self.run_event is not None or bool(self.moves) or self.facts_changed

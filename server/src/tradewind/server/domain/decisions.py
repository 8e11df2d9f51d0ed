"""What is known about a run and what is to be done about it, as values between scheduler and store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tradewind.server.contract import DagRunEvent, DagRunState, Reason, TaskInstanceEvent, TaskInstanceState


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
    """

    pk: int
    task_id: str
    map_index: int
    state: TaskInstanceState
    rev: int
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InstanceMove:
    """A change of one task instance, to be made only if its revision is still `rev`; it becomes `rev` + 1.

    Attributes:
        pk: key of the row.
        rev: revision that the decision is based on.
        event: event of the table of states.
        from_state: state that the decision is based on.
        to_state: state that follows.
        reason: why it will not run, for `upstream_failed` and `skipped`; None when the event says it all.
    """

    pk: int
    rev: int
    event: TaskInstanceEvent
    from_state: TaskInstanceState
    to_state: TaskInstanceState
    reason: Reason | None = None


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
    """

    run_pk: int
    run_rev: int
    run_event: DagRunEvent | None
    run_state: DagRunState
    moves: tuple[InstanceMove, ...]
    next_wake: datetime | None
    complete: bool

    @property
    def changes(self) -> bool:
        """Whether there is anything to write beside clearing the mark."""
        return self.run_event is not None or bool(self.moves)

"""The run before, as far as tasks of a run depend on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tradewind.server.contract import TaskInstanceState
from tradewind.server.domain.decisions import InstanceFact
from tradewind.server.domain.graph import Graph

ENDED_WELL: Final = frozenset({TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED})
"""States that let the next run go on, as in Airflow."""


@dataclass(frozen=True, slots=True)
class PreviousRun:
    """The run before as its row says.

    Attributes:
        pk: key of the row.
        rev: revision up to which its task instances are told.
        logical_date: the date that it is about.
    """

    pk: int
    rev: int
    logical_date: datetime | None = None


class Past:
    """Task instances of the run before; one change of them costs what it changes.

    Attributes:
        run: the run before; None when there is none, or nobody has told yet.
    """

    __slots__ = ("_graph", "_states", "run")

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._states: dict[int, dict[int, TaskInstanceState]] = {}  # task to its instances by key
        self.run: PreviousRun | None = None

    def tell(self, run: PreviousRun | None, changes: Iterable[InstanceFact]) -> set[int]:
        """Take over what is true now.

        Args:
            run: the run before.
            changes: those of its task instances that changed since it was told last; all of another run.

        Returns:
            The numbers of the tasks of which `blocker` may say something else than before.
        """
        affected: set[int] = set()
        if (None if run is None else run.pk) != (None if self.run is None else self.run.pk):
            affected.update(number for number, task in enumerate(self._graph.traits) if task.looks_back)
            self._states.clear()
        self.run = run
        for fact in changes:
            if fact.task_id in self._graph:
                task = self._graph.number(fact.task_id)
                self._states.setdefault(task, {})[fact.pk] = fact.state
                affected.add(task)
                affected.update(self._graph.upstream[task])
        return {number for number in affected if self._graph.traits[number].looks_back}

    def blocker(self, task: int) -> tuple[str, TaskInstanceState] | None:
        """The task of the run before that a task has to wait for, and its state; None when nothing is in the way.

        There is nothing to wait for without a run before, or when that was too early for the task (Airflow 3:
        `PrevDagrunDep`).
        """
        traits = self._graph.traits[task]
        if not traits.looks_back or self.run is None or self._was_too_early(task, self.run):
            return None
        own = self._states.get(task)
        if own is None:
            return None if traits.ignore_first_depends_on_past else self._named(task, TaskInstanceState.NONE)
        watched = [task, *(self._graph.downstream[task] if traits.wait_for_downstream else ())]
        for number in watched:
            for state in self._states.get(number, {}).values():
                if state not in ENDED_WELL:
                    return self._named(number, state)
        return None

    def _was_too_early(self, task: int, run: PreviousRun) -> bool:
        first = self._graph.traits[task].start_date
        return first is not None and run.logical_date is not None and run.logical_date < first

    def _named(self, task: int, state: TaskInstanceState) -> tuple[str, TaskInstanceState]:
        return self._graph.task_ids[task], state

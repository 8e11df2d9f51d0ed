"""The task instances of one run in memory: what each is, which have not ended, and when retries are due."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from tradewind.server.contract import TASK_INSTANCE_FINAL, TaskInstanceState
from tradewind.server.domain.decisions import InstanceFact
from tradewind.server.domain.graph import Graph

_UP_FOR_RETRY: Final = TaskInstanceState.UP_FOR_RETRY


class RunInstance:
    """One task instance."""

    __slots__ = ("ended_at", "map_index", "pk", "retry_at", "rev", "state", "task")

    def __init__(self, fact: InstanceFact, task: int) -> None:
        self.pk = fact.pk
        self.task = task
        self.map_index = fact.map_index
        self.state = TaskInstanceState.NONE
        self.rev = fact.rev
        self.retry_at: datetime | None = None
        self.ended_at: datetime | None = None


class RunInstances:
    """All of a run; each change costs the same, however many there are.

    Attributes:
        by_key: every one by the key of its row.
        members: number of a task to its instances.
        open_work: those that have not ended, by key, without those of teardown tasks.
        open_teardowns: those of teardown tasks that have not ended.
        failures: those that failed, without those of teardown tasks; empty unless the DAG fails fast.
    """

    __slots__ = ("_graph", "_retries", "by_key", "failures", "members", "missing", "open_teardowns", "open_work")

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._retries: list[tuple[datetime, int]] = []  # heap; an entry is void once the instance says otherwise
        self.by_key: dict[int, RunInstance] = {}
        self.members: list[list[RunInstance]] = [[] for _ in range(len(graph))]
        self.missing = len(graph)
        self.open_work: dict[int, RunInstance] = {}
        self.open_teardowns: dict[int, RunInstance] = {}
        self.failures: dict[int, RunInstance] = {}

    def add(self, fact: InstanceFact) -> RunInstance:
        """Another one is known, in `none` until its state is set.

        Raises:
            KeyError: its task is not in the graph.
        """
        instance = RunInstance(fact, self._graph.number(fact.task_id))
        self.by_key[fact.pk] = instance
        members = self.members[instance.task]
        self.missing -= not members
        members.append(instance)
        self._open_of(instance)[instance.pk] = instance
        return instance

    def change(
        self,
        instance: RunInstance,
        state: TaskInstanceState,
        *,
        retry_at: datetime | None = None,
        ended_at: datetime | None = None,
    ) -> None:
        """It is in this state now."""
        instance.state = state
        instance.retry_at = retry_at
        instance.ended_at = ended_at
        if state is _UP_FOR_RETRY and retry_at is not None:
            heapq.heappush(self._retries, (retry_at, instance.pk))
        if state in TASK_INSTANCE_FINAL:
            self._open_of(instance).pop(instance.pk, None)
        else:
            self._open_of(instance)[instance.pk] = instance
        if self._graph.fail_fast and not self._graph.traits[instance.task].is_teardown:
            if state is TaskInstanceState.FAILED:
                self.failures[instance.pk] = instance
            else:
                self.failures.pop(instance.pk, None)

    @property
    def any_open(self) -> bool:
        """Whether any has not ended."""
        return bool(self.open_work or self.open_teardowns)

    def open_in_order(self) -> list[RunInstance]:
        """Those of `open_work`, upstream ones first."""
        return sorted(self.open_work.values(), key=in_order)

    def next_due(self) -> RunInstance | None:
        """The one whose retry is due next, void entries dropped."""
        while self._retries:
            due, pk = self._retries[0]
            instance = self.by_key[pk]
            if instance.state is _UP_FOR_RETRY and instance.retry_at == due:
                return instance
            heapq.heappop(self._retries)
        return None

    def failed_since(self, moment: datetime | None) -> Iterator[RunInstance]:
        """Those of `failures` that failed at a moment or later."""
        for instance in self.failures.values():
            if moment is None or instance.ended_at is None or instance.ended_at >= moment:
                yield instance

    def _open_of(self, instance: RunInstance) -> dict[int, RunInstance]:
        return self.open_teardowns if self._graph.traits[instance.task].is_teardown else self.open_work


def in_order(instance: RunInstance) -> tuple[int, int, int]:
    """What task instances are sorted by: their tasks in the order of the graph."""
    return instance.task, instance.map_index, instance.pk

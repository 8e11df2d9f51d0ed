"""The tasks of a DAG and their edges, checked once, then read by number."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from tradewind.server.contract import SerializedDag, TriggerRule

NAMED_IN_CYCLE = 10


class GraphError(ValueError):
    """The tasks of a DAG do not form a graph that can run; the message names the tasks and the remedy."""


class Graph:
    """Tasks of one DAG version in topological order; a task's number is its place in that order.

    Attributes:
        task_ids: number to task id.
        upstream: number to the numbers that it waits for.
        downstream: number to the numbers that wait for it.
        rules: number to trigger rule.
        leaves: numbers without downstream tasks: they decide how the run ends.
    """

    __slots__ = ("_numbers", "downstream", "leaves", "rules", "task_ids", "upstream")

    def __init__(self, upstream: Mapping[str, Iterable[str]], rules: Mapping[str, TriggerRule] | None = None) -> None:
        """Check and order the tasks.

        Args:
            upstream: task id to the ids that it waits for; the order of the keys breaks ties.
            rules: task id to trigger rule; `all_success` for a task that is absent.

        Raises:
            GraphError: an upstream task does not exist, or there is a cycle.
        """
        edges = {task_id: tuple(dict.fromkeys(sources)) for task_id, sources in upstream.items()}
        for task_id, sources in edges.items():
            for source in sources:
                if source not in edges:
                    raise GraphError(f"task {task_id!r} waits for {source!r}, which is no task of this DAG")
        self.task_ids: tuple[str, ...] = _topological(edges)
        self._numbers = {task_id: number for number, task_id in enumerate(self.task_ids)}
        self.upstream: tuple[tuple[int, ...], ...] = tuple(
            tuple(self._numbers[source] for source in edges[task_id]) for task_id in self.task_ids
        )
        self.downstream: tuple[tuple[int, ...], ...] = _reversed(self.upstream)
        given = rules or {}
        self.rules: tuple[TriggerRule, ...] = tuple(
            given.get(task_id, TriggerRule.ALL_SUCCESS) for task_id in self.task_ids
        )
        self.leaves: frozenset[int] = frozenset(number for number, targets in enumerate(self.downstream) if not targets)

    @classmethod
    def from_dag(cls, dag: SerializedDag) -> Graph:
        """The graph of a DAG as its parse reported it.

        Raises:
            GraphError: two tasks share an id, an upstream task does not exist, or there is a cycle.
        """
        seen: set[str] = set()
        for task in dag.tasks:
            if task.task_id in seen:
                raise GraphError(f"task id {task.task_id!r} occurs twice; give one of the two another id")
            seen.add(task.task_id)
        return cls(
            {task.task_id: task.upstream for task in dag.tasks},
            {task.task_id: task.trigger_rule for task in dag.tasks},
        )

    def __len__(self) -> int:
        return len(self.task_ids)

    def number(self, task_id: str) -> int:
        """The number of a task.

        Raises:
            KeyError: the DAG has no such task.
        """
        return self._numbers[task_id]

    @property
    def roots(self) -> tuple[int, ...]:
        """Numbers of the tasks that wait for none."""
        return tuple(number for number, sources in enumerate(self.upstream) if not sources)

    def upstream_of(self, task_id: str) -> tuple[str, ...]:
        """Ids of the tasks that a task waits for."""
        return tuple(self.task_ids[source] for source in self.upstream[self._numbers[task_id]])


def _topological(edges: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    waiting = {task_id: len(sources) for task_id, sources in edges.items()}
    targets: dict[str, list[str]] = {task_id: [] for task_id in edges}
    for task_id, sources in edges.items():
        for source in sources:
            targets[source].append(task_id)
    free = deque(task_id for task_id, count in waiting.items() if not count)
    order: list[str] = []
    while free:
        task_id = free.popleft()
        order.append(task_id)
        for target in targets[task_id]:
            waiting[target] -= 1
            if not waiting[target]:
                free.append(target)
    if len(order) < len(edges):
        path = _cycle(edges, {task_id for task_id, count in waiting.items() if count})
        raise GraphError(f"the tasks form a cycle: {' >> '.join(path)}; remove one of these edges")
    return tuple(order)


def _cycle(edges: Mapping[str, tuple[str, ...]], stuck: set[str]) -> Sequence[str]:
    """One cycle among tasks that each wait for another of them, as a path whose ends are the same task."""
    path: list[str] = [min(stuck)]
    seen = {path[0]: 0}
    while True:
        source = next(source for source in edges[path[-1]] if source in stuck)
        if source in seen:
            cycle = [*path[seen[source] :], source][::-1]
            return cycle if len(cycle) <= NAMED_IN_CYCLE else [*cycle[: NAMED_IN_CYCLE - 1], "…", cycle[-1]]
        seen[source] = len(path)
        path.append(source)


def _reversed(upstream: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
    targets: list[list[int]] = [[] for _ in upstream]
    for number, sources in enumerate(upstream):
        for source in sources:
            targets[source].append(number)
    return tuple(tuple(numbers) for numbers in targets)

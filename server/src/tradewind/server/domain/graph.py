"""The tasks of a DAG and their edges, checked once, then read by number."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from tradewind.server.contract import SerializedDag, TriggerRule
from tradewind.server.domain.setup_scopes import relevant_setups, teardown_scopes
from tradewind.server.domain.task_traits import TaskTraits

NAMED_IN_CYCLE = 10

LONGEST_TIMEOUT_SECONDS = 100 * 365 * 86_400.0
"""A run that may take a century is a run without a limit, and still has a date."""


class GraphError(ValueError):
    """The tasks of a DAG do not form a graph that can run; the message names the tasks and the remedy."""


class Graph:
    """Tasks of one DAG version in topological order; a task's number is its place in that order.

    Attributes:
        task_ids: number to task id.
        upstream: number to the numbers that it waits for.
        downstream: number to the numbers that wait for it.
        traits: number to what the task declares.
        leaves: numbers without downstream tasks.
        deciding: numbers of the tasks that decide how the run ends: those with nothing but ignorable teardowns
            downstream, and no ignorable teardowns themselves; the leaves where that leaves none.
        setups: number to the setup tasks that matter to it, directly upstream or further above.
        indirect_setups: those of them that have to succeed although they are not directly upstream.
        guarded: number of a setup task to the numbers whose indirect setup it is.
        scopes: number of a teardown task to those between its setup tasks and itself that are not directly upstream.
        in_scope_of: number to the teardown tasks in whose scope it is.
        fail_fast: whether the first failed task ends the run.
        timeout: time after which a run is ended; None for no limit.
        looks_back: whether any task depends on the run before.
        catchup: whether the schedule makes up for what it missed, so that its own runs are a chain: one that somebody
            triggers by hand is no run before another one then.
    """

    __slots__ = (
        "_numbers",
        "catchup",
        "deciding",
        "downstream",
        "fail_fast",
        "guarded",
        "in_scope_of",
        "indirect_setups",
        "leaves",
        "looks_back",
        "scopes",
        "setups",
        "task_ids",
        "timeout",
        "traits",
        "upstream",
    )

    def __init__(
        self,
        upstream: Mapping[str, Iterable[str]],
        traits: Mapping[str, TaskTraits] | None = None,
        *,
        fail_fast: bool = False,
        timeout: timedelta | None = None,
        catchup: bool = False,
    ) -> None:
        """Check and order the tasks.

        Args:
            upstream: task id to the ids that it waits for; the order of the keys breaks ties.
            traits: task id to what the task declares; the defaults for a task that is absent.
            fail_fast: whether the first failed task ends the run.
            timeout: time after which a run is ended.
            catchup: whether the schedule makes up for what it missed.

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
        given, plain = traits or {}, TaskTraits()
        self.traits: tuple[TaskTraits, ...] = tuple(given.get(task_id, plain) for task_id in self.task_ids)
        self.leaves: frozenset[int] = frozenset(number for number, targets in enumerate(self.downstream) if not targets)
        self.deciding: frozenset[int] = self._deciding() or self.leaves
        self.setups: tuple[tuple[int, ...], ...] = relevant_setups(self.upstream, self.downstream, self.traits)
        self.indirect_setups: Mapping[int, tuple[int, ...]] = self._indirect_setups()
        self.guarded: Mapping[int, tuple[int, ...]] = _inverted(self.indirect_setups)
        self.scopes: Mapping[int, tuple[int, ...]] = teardown_scopes(self.upstream, self.downstream, self.traits)
        self.in_scope_of: Mapping[int, tuple[int, ...]] = _inverted(self.scopes)
        self.fail_fast = fail_fast
        self.timeout = timeout
        self.catchup = catchup
        self.looks_back = any(task.looks_back for task in self.traits)

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
        seconds = dag.dagrun_timeout_seconds
        return cls(
            {task.task_id: task.upstream for task in dag.tasks},
            {task.task_id: TaskTraits.of(task) for task in dag.tasks},
            fail_fast=dag.fail_fast,
            timeout=None if seconds is None else timedelta(seconds=min(seconds, LONGEST_TIMEOUT_SECONDS)),
            catchup=dag.catchup,
        )

    def __len__(self) -> int:
        return len(self.task_ids)

    def __contains__(self, task_id: object) -> bool:
        return task_id in self._numbers

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

    def teardowns_of(self, setup: int) -> tuple[int, ...]:
        """Numbers of the teardown tasks of a setup task: those directly downstream of it."""
        return tuple(target for target in self.downstream[setup] if self.traits[target].is_teardown)

    def cleared_with(self, task_id: str) -> tuple[str, ...]:
        """Ids of the setup tasks that a task needs when it runs once more, and of their teardown tasks, sorted."""
        number = self._numbers[task_id]
        found = {other for setup in self.setups[number] for other in (setup, *self.teardowns_of(setup))}
        return tuple(sorted(self.task_ids[other] for other in found - {number}))

    def _deciding(self) -> frozenset[int]:
        return frozenset(
            number
            for number, task in enumerate(self.traits)
            if not task.is_ignorable and all(self.traits[target].is_ignorable for target in self.downstream[number])
        )

    def _indirect_setups(self) -> Mapping[int, tuple[int, ...]]:
        """A teardown task has none, and what runs whatever happens above it does so without its setup tasks."""
        found: dict[int, tuple[int, ...]] = {}
        for number, setups in enumerate(self.setups):
            task = self.traits[number]
            if setups and not task.is_teardown and task.trigger_rule is not TriggerRule.ALWAYS:
                direct = frozenset(self.upstream[number])
                if indirect := tuple(setup for setup in setups if setup not in direct):
                    found[number] = indirect
        return found


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


def _inverted(sources: Mapping[int, tuple[int, ...]]) -> Mapping[int, tuple[int, ...]]:
    targets: dict[int, list[int]] = {}
    for number, above in sources.items():
        for source in above:
            targets.setdefault(source, []).append(number)
    return {source: tuple(numbers) for source, numbers in targets.items()}

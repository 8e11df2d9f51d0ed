"""How the instances upstream of each task stand, kept up to date one change at a time."""

from __future__ import annotations

from collections.abc import Iterator

from tradewind.server.contract import TaskInstanceState, TriggerRule
from tradewind.server.domain.graph import Graph
from tradewind.server.domain.trigger_rules import (
    NO_INSTANCES,
    Tally,
    Verdict,
    blamed_states,
    judge,
    judge_indirect_setups,
)


class UpstreamCounts:
    """Tallies per task; one change of an instance costs the edges of its task.

    A setup task has, beside its own edges, one to each task that it guards from further above, and a task one to each
    teardown task that cleans up after it from further below.
    """

    __slots__ = ("_graph", "_indirect", "_scopes", "_setups", "_upstream")

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._upstream: list[Tally] = [Tally() if sources else NO_INSTANCES for sources in graph.upstream]
        self._indirect: dict[int, Tally] = {task: Tally() for task in graph.indirect_setups}
        self._scopes: dict[int, Tally] = {task: Tally() for task in graph.scopes}
        self._setups: dict[int, Tally] = {
            target: Tally()
            for number, task in enumerate(graph.traits)
            if task.is_setup
            for target in graph.downstream[number]
        }

    def add(self, task: int) -> None:
        """Another instance of a task is known, which has not ended."""
        for tally in self._seen_by(task):
            tally.total += 1

    def count(self, task: int, state: TaskInstanceState, step: int) -> None:
        """Add an instance of a task in a state (`step` 1), or take it away (-1)."""
        for tally in self._seen_by(task):
            tally.count(state, step)

    def interested(self, task: int) -> Iterator[int]:
        """The tasks whose verdict depends on a task."""
        yield from self._graph.downstream[task]
        yield from self._graph.guarded.get(task, ())
        yield from self._graph.in_scope_of.get(task, ())

    def verdict(self, task: int) -> Verdict:
        """What follows for an instance of a task in `none`."""
        indirect = self._indirect.get(task)
        of_setups = Verdict.READY if indirect is None else judge_indirect_setups(indirect)
        if of_setups in {Verdict.UPSTREAM_FAILED, Verdict.UPSTREAM_SKIPPED}:
            return of_setups
        of_rule = judge(
            self._graph.traits[task].trigger_rule, self._upstream[task], self._setups.get(task, NO_INSTANCES)
        )
        if of_rule is not Verdict.READY:
            return of_rule
        scope = self._scopes.get(task, NO_INSTANCES)
        return of_setups if scope.done else Verdict.WAIT

    def blamed(self, task: int, verdict: Verdict) -> tuple[tuple[int, ...], frozenset[TaskInstanceState]]:
        """Which tasks may be to blame for a verdict, and the states of theirs that are."""
        indirect = self._indirect.get(task)
        if indirect is not None and judge_indirect_setups(indirect) is verdict:
            return self._graph.indirect_setups[task], blamed_states(TriggerRule.ALL_SUCCESS, verdict)
        return self._graph.upstream[task], blamed_states(self._graph.traits[task].trigger_rule, verdict)

    def _seen_by(self, task: int) -> Iterator[Tally]:
        for target in self._graph.in_scope_of.get(task, ()):
            yield self._scopes[target]
        for target in self._graph.downstream[task]:
            yield self._upstream[target]
        if self._graph.traits[task].is_setup:
            for target in self._graph.downstream[task]:
                yield self._setups[target]
            for target in self._graph.guarded.get(task, ()):
                yield self._indirect[target]

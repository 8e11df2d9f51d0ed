"""Which setup tasks matter to a task, however far above it they are, and what a teardown task cleans up after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tradewind.server.contract import TriggerRule
from tradewind.server.domain.task_traits import TaskTraits

Edges = Sequence[tuple[int, ...]]


def relevant_setups(upstream: Edges, downstream: Edges, traits: Sequence[TaskTraits]) -> tuple[tuple[int, ...], ...]:
    """For each task the setup tasks above it, sorted, that have no teardown or one below the task, as in Airflow.

    A setup task that matters to a task matters to everything between the two as well, so that one walk down the
    graph finds them all.

    Args:
        upstream: number to the numbers that it waits for, in topological order.
        downstream: the same edges in the other direction.
        traits: number to traits.
    """
    if not any(task.is_setup for task in traits):
        return ((),) * len(traits)
    below = _teardowns_below(downstream, traits)
    teardowns = {
        number: _mask(target for target in downstream[number] if traits[target].is_teardown)
        for number, task in enumerate(traits)
        if task.is_setup
    }
    found: list[tuple[int, ...]] = []
    for number, sources in enumerate(upstream):
        above = {setup for source in sources for setup in found[source]}
        above.update(source for source in sources if traits[source].is_setup)
        found.append(tuple(sorted(s for s in above if not teardowns[s] or teardowns[s] & below[number])))
    return tuple(found)


def teardown_scopes(upstream: Edges, downstream: Edges, traits: Sequence[TaskTraits]) -> Mapping[int, tuple[int, ...]]:
    """For each teardown task what lies between its setup tasks and itself, sorted, without what is directly upstream.

    A task directly upstream may have ended, by a failure above it, while others between the two go on and use what the
    teardown task takes away. The rule `always` waits for nothing, so such a teardown task is left out, as is one with
    nothing between.

    Args:
        upstream: number to the numbers that it waits for, in topological order.
        downstream: the same edges in the other direction.
        traits: number to traits.
    """
    scopes: dict[int, tuple[int, ...]] = {}
    setups_of = {
        number: [source for source in upstream[number] if traits[source].is_setup]
        for number, task in enumerate(traits)
        if task.is_teardown and task.trigger_rule is not TriggerRule.ALWAYS
    }
    if not any(setups_of.values()):
        return scopes
    below = _teardowns_below(downstream, traits)
    for teardown, setups in setups_of.items():
        # Whatever is between has the teardown task below it, and so has all on the way to it.
        between: set[int] = set()
        waiting = list(setups)
        while waiting:
            found = [target for target in downstream[waiting.pop()] if below[target] >> teardown & 1]
            waiting += set(found) - between
            between.update(found)
        if indirect := between.difference(upstream[teardown]):
            scopes[teardown] = tuple(sorted(indirect))
    return scopes


def _teardowns_below(downstream: Edges, traits: Sequence[TaskTraits]) -> list[int]:
    """For each task a number whose bits are the teardown tasks below it: sets of them would be large."""
    below = [0] * len(downstream)
    for number in range(len(downstream) - 1, -1, -1):
        for target in downstream[number]:
            below[number] |= below[target] | (1 << target if traits[target].is_teardown else 0)
    return below


def _mask(numbers: Iterable[int]) -> int:
    bits = 0
    for number in numbers:
        bits |= 1 << number
    return bits

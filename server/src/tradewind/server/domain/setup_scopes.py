"""Which setup tasks matter to a task, however far above it they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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

"""Which tasks of a DAG somebody means who names some of them and asks for what is above or below as well."""

from __future__ import annotations

from collections.abc import Iterable

from tradewind.server.domain.graph import Graph


def relatives(graph: Graph, task_ids: Iterable[str], *, upstream: bool = False, downstream: bool = False) -> set[str]:
    """The tasks with everything above them, below them, or both.

    Raises:
        KeyError: the DAG has no such task.
    """
    named = [graph.number(task_id) for task_id in task_ids]
    found = set(named)
    if upstream:
        found |= _reached(graph.upstream, named)
    if downstream:
        found |= _reached(graph.downstream, named)
    return {graph.task_ids[number] for number in found}


def to_run_again(
    graph: Graph, task_ids: Iterable[str], *, upstream: bool = False, downstream: bool = False
) -> set[str]:
    """The tasks that run again when some of them are cleared, as Airflow's `DAG.partial_subset` chooses them.

    What a task needs runs with it: the setup tasks that matter to it, and their teardown tasks. Of a setup task that is
    named, the teardown tasks run as well.

    Args:
        graph: the DAG.
        task_ids: the tasks that are named.
        upstream: whether everything above them runs again.
        downstream: whether everything below them runs again.

    Raises:
        KeyError: the DAG has no such task.
    """
    named = {graph.number(task_id) for task_id in task_ids}
    found = set(named)
    if downstream:
        below = _reached(graph.downstream, named)
        found |= below | _needed(graph, below - named)
    if upstream:
        above = _reached(graph.upstream, named)
        found |= above | _teardowns(graph, above)
    else:
        found |= _needed(graph, named)
    if not downstream:
        found |= _teardowns(graph, named)
    return {graph.task_ids[number] for number in found}


def _needed(graph: Graph, numbers: Iterable[int]) -> set[int]:
    """The setup tasks that matter to work among these tasks, with their teardown tasks."""
    work = (number for number in numbers if not (graph.traits[number].is_setup or graph.traits[number].is_teardown))
    return {graph.number(task_id) for number in work for task_id in graph.cleared_with(graph.task_ids[number])}


def _teardowns(graph: Graph, numbers: Iterable[int]) -> set[int]:
    return {teardown for number in numbers if graph.traits[number].is_setup for teardown in graph.teardowns_of(number)}


def _reached(edges: tuple[tuple[int, ...], ...], numbers: Iterable[int]) -> set[int]:
    """What the edges lead to from these numbers, directly or by way of others."""
    found: set[int] = set()
    waiting = list(numbers)
    while waiting:
        for target in edges[waiting.pop()]:
            if target not in found:
                found.add(target)
                waiting.append(target)
    return found

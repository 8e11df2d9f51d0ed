"""Which of several waiting tasks is claimed first: the effective weight of each task of a DAG."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tradewind.server.contract import SerializedDag, WeightRule
from tradewind.server.domain.graph import Graph

LARGEST = 2**31 - 1
"""Weights beyond it say no more; Airflow cuts them at the same bound."""


def effective_weights(dag: SerializedDag) -> dict[str, int]:
    """Task id to the weight by which it is claimed, higher ones first.

    `absolute` is the declared weight; `downstream` adds the declared weights of everything that waits for the task,
    directly or by way of others, and `upstream` of everything that it waits for.
    """
    if all(task.weight_rule is WeightRule.ABSOLUTE for task in dag.tasks):
        return {task.task_id: task.priority_weight for task in dag.tasks}
    graph = Graph.from_dag(dag)
    declared = {task.task_id: task.priority_weight for task in dag.tasks}
    own = [declared[task_id] for task_id in graph.task_ids]
    below = _reachable(graph.downstream, reversed(range(len(graph))))
    above = _reachable(graph.upstream, range(len(graph)))
    reached: Mapping[WeightRule, list[int]] = {WeightRule.DOWNSTREAM: below, WeightRule.UPSTREAM: above}
    masks = _masks(own)
    weights: dict[str, int] = {}
    for task in dag.tasks:
        number = graph.number(task.task_id)
        rule = task.weight_rule or WeightRule.DOWNSTREAM
        total = own[number] + _sum_of(reached[rule][number], masks) if rule in reached else own[number]
        weights[task.task_id] = max(-LARGEST, min(total, LARGEST))
    return weights


def _reachable(edges: tuple[tuple[int, ...], ...], order: Iterable[int]) -> list[int]:
    """For each number the set of numbers that it leads to, as bits; `order` visits targets before their sources."""
    sets = [0] * len(edges)
    for number in order:
        for target in edges[number]:
            sets[number] |= sets[target] | (1 << target)
    return sets


def _masks(own: list[int]) -> dict[int, int]:
    """Each declared weight with the set of the tasks that declare it: there are few of them."""
    masks: dict[int, int] = {}
    for number, weight in enumerate(own):
        masks[weight] = masks.get(weight, 0) | (1 << number)
    return masks


def _sum_of(bits: int, masks: Mapping[int, int]) -> int:
    return sum(weight * (bits & mask).bit_count() for weight, mask in masks.items())

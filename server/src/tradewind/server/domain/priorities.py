"""Which of several waiting tasks is claimed first: the effective weight of each task of a DAG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tradewind.server.contract import SerializedDag, WeightRule
from tradewind.server.domain.graph import Graph

SMALLEST: Final = -(2**31)
LARGEST: Final = 2**31 - 1
"""Weights beyond it say no more; Airflow cuts them at the same bound."""

TASKS_AT_ONCE: Final = 3600
"""Tasks that are summed up in one pass, one bit each for every task of the DAG: 50 MB for 100,000 tasks.

Python's allocator is quick for objects of up to 512 bytes.
"""


def effective_weights(dag: SerializedDag) -> dict[str, int]:
    """Task id to the weight by which it is claimed, higher ones first.

    `absolute` is the declared weight; `downstream` adds the declared weights of everything that waits for the task,
    directly or by way of others, and `upstream` of everything that it waits for, each of them once.
    """
    weights = {task.task_id: task.priority_weight for task in dag.tasks}
    rules = {task.weight_rule or WeightRule.DOWNSTREAM for task in dag.tasks}
    if rules <= {WeightRule.ABSOLUTE}:
        return weights
    graph = Graph.from_dag(dag)
    declared = [weights[task_id] for task_id in graph.task_ids]
    numbers = range(len(graph))
    reached: dict[WeightRule, list[int]] = {}
    if WeightRule.DOWNSTREAM in rules:
        reached[WeightRule.DOWNSTREAM] = _reached_weights(graph.downstream, declared, reversed(numbers))
    if WeightRule.UPSTREAM in rules:
        reached[WeightRule.UPSTREAM] = _reached_weights(graph.upstream, declared, numbers)
    for task in dag.tasks:
        of_rule = reached.get(task.weight_rule or WeightRule.DOWNSTREAM)
        if of_rule is not None:
            total = task.priority_weight + of_rule[graph.number(task.task_id)]
            weights[task.task_id] = max(SMALLEST, min(total, LARGEST))
    return weights


def _reached_weights(edges: Sequence[Sequence[int]], declared: Sequence[int], order: Iterable[int]) -> list[int]:
    """For each number the sum of the weights of all numbers that it leads to; `order` visits targets before sources.

    Memory grows with the number of tasks, not with its square: each of several passes looks for some targets.
    """
    visits = [(number, edges[number]) for number in order if edges[number]]
    sums = [0] * len(edges)
    for first in range(0, len(edges), TASKS_AT_ONCE):
        last = min(first + TASKS_AT_ONCE, len(edges)) - 1
        weigher = _Weigher(declared[first : last + 1])
        sets = [0] * len(edges)
        worth = [0] * len(edges)
        for number, targets in visits:
            of_first = bits = sets[targets[0]]
            for target in targets:
                more = sets[target] | 1 << (target - first) if first <= target <= last else sets[target]
                if more is not bits:
                    bits |= more
            if bits is of_first:
                worth[number] = worth[targets[0]]
            else:
                bits, worth[number] = weigher.of(bits)
            sets[number] = bits
            sums[number] += worth[number]
    return sums


class _Weigher:
    """Sums up the weights of a set of tasks, given as bits, in as many steps as the largest weight has digits.

    Every weight is the smallest one plus a number in binary; the tasks that have a digit in it are counted together.
    """

    def __init__(self, weights: Sequence[int]) -> None:
        self._smallest = min(weights)
        rests = [weight - self._smallest for weight in weights]
        self._digits = [_bits(rest >> digit & 1 for rest in rests) for digit in range(max(rests).bit_length())]
        self._known: dict[int, tuple[int, int]] = {}

    def of(self, bits: int) -> tuple[int, int]:
        """A set, as one object for all that are equal, and its sum: many tasks lead to the same ones."""
        known = self._known.get(bits)
        if known is None:
            total = self._smallest * bits.bit_count()
            for digit, having in enumerate(self._digits):
                total += (bits & having).bit_count() << digit
            known = self._known[bits] = (bits, total)
        return known


def _bits(flags: Iterable[int]) -> int:
    return int("".join("1" if flag else "0" for flag in flags)[::-1], 2)

"""The order of the tasks of a DAG, and the circle that keeps them from having one."""

from __future__ import annotations

import heapq
from collections.abc import Mapping


def topological_order(upstream: Mapping[str, set[str]]) -> list[str]:
    """Task ids so that each comes after those that it waits for; among several the first by name.

    Tasks on a circle, and those behind one, are left out.

    Args:
        upstream: task id to the ids of the tasks that it waits for.
    """
    downstream: dict[str, list[str]] = {task_id: [] for task_id in upstream}
    unmet = {task_id: len(before) for task_id, before in upstream.items()}
    for task_id, before in upstream.items():
        for other in before:
            downstream[other].append(task_id)
    ready = [task_id for task_id, count in unmet.items() if not count]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        task_id = heapq.heappop(ready)
        order.append(task_id)
        for other in downstream[task_id]:
            unmet[other] -= 1
            if not unmet[other]:
                heapq.heappush(ready, other)
    return order


def find_cycle(upstream: Mapping[str, set[str]]) -> list[str] | None:
    """A circle of tasks, each waiting for the one before it, the first named again at the end; None without one."""
    ordered = set(topological_order(upstream))
    left = {task_id: before - ordered for task_id, before in upstream.items() if task_id not in ordered}
    if not left:
        return None
    # Each of these waits for another of them: walking up must come back to a task already seen.
    path: list[str] = []
    position: dict[str, int] = {}
    task_id = min(left)
    while task_id not in position:
        position[task_id] = len(path)
        path.append(task_id)
        task_id = min(left[task_id])
    circle = path[position[task_id] :][::-1]
    first = circle.index(min(circle))
    circle = circle[first:] + circle[:first]
    return [*circle, circle[0]]

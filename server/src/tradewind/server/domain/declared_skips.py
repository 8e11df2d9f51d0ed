"""Which tasks of a run other tasks of it declared not needed."""

from __future__ import annotations

from collections.abc import Collection

from tradewind.server.domain.graph import Graph


class DeclaredSkips:
    """The skips of the task instances that succeeded."""

    __slots__ = ("_by_instance", "_by_target", "_graph")

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._by_instance: dict[int, tuple[int, ...]] = {}  # key of an instance to the tasks that it skips
        self._by_target: dict[int, dict[int, int]] = {}  # task to those who skip it: key to task

    def set(self, pk: int, task: int, skips: Collection[str]) -> tuple[int, ...]:
        """Replace what an instance declares; nothing for one that has not succeeded, or not yet again.

        Args:
            pk: key of the instance.
            task: its task.
            skips: ids of tasks; those that the DAG does not have are nobody's.

        Returns:
            The tasks that it skips now.
        """
        for target in self._by_instance.pop(pk, ()):
            del self._by_target[target][pk]
        found = tuple(sorted({self._graph.number(name) for name in skips if name in self._graph} - {task}))
        if found:
            self._by_instance[pk] = found
        for target in found:
            self._by_target.setdefault(target, {})[pk] = task
        return found

    def skipper(self, task: int) -> int | None:
        """The task that declared a task not needed; the first of several."""
        return min(self._by_target.get(task, {}).values(), default=None)

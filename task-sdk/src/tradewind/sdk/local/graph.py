"""The tasks of a DAG and how they hang together, computed by plain search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tradewind.sdk.contract import SerializedDag, SerializedTask


class LocalGraph:
    """Tasks by id, in an order in which each comes after those that it waits for.

    Args:
        dag: a DAG without a cycle.
    """

    def __init__(self, dag: SerializedDag) -> None:
        by_id = {task.task_id: task for task in dag.tasks}
        self.upstream: Mapping[str, frozenset[str]] = {name: frozenset(task.upstream) for name, task in by_id.items()}
        self.downstream: Mapping[str, frozenset[str]] = {
            name: frozenset(other for other, task in by_id.items() if name in task.upstream) for name in by_id
        }
        self.tasks: Mapping[str, SerializedTask] = {name: by_id[name] for name in self._ordered(by_id)}

    def deciding(self) -> list[str]:
        """The tasks whose states decide how the run ends.

        They are those that nothing waits for but teardown tasks that do not fail the run, and of teardown tasks those
        that do; all last tasks when the DAG has nothing else.
        """

        def is_ignored(name: str) -> bool:
            return self.tasks[name].is_teardown and not self.tasks[name].on_failure_fail_dagrun

        found = [
            name
            for name in self.tasks
            if not is_ignored(name) and all(is_ignored(other) for other in self.downstream[name])
        ]
        return found or [name for name in self.tasks if not self.downstream[name]]

    def setups_of(self, task_id: str) -> set[str]:
        """The setup tasks further above that must have succeeded for a task.

        A setup task matters to everything downstream of it, up to its teardown tasks. Those right above the task are
        left to its trigger rule.
        """
        below = self._reached(task_id, self.downstream)
        return {
            name
            for name in self._reached(task_id, self.upstream) - self.upstream[task_id]
            if self.tasks[name].is_setup and self._is_in_scope(name, below)
        }

    def scope_of(self, task_id: str) -> set[str]:
        """What is between the setup tasks right above a teardown task and itself, without the tasks right above it."""
        setups = [name for name in self.upstream[task_id] if self.tasks[name].is_setup]
        below = {name for setup in setups for name in self._reached(setup, self.downstream)}
        return below & self._reached(task_id, self.upstream) - self.upstream[task_id]

    def _is_in_scope(self, setup: str, below: set[str]) -> bool:
        teardowns = {name for name in self.downstream[setup] if self.tasks[name].is_teardown}
        return not teardowns or bool(teardowns & below)

    def _ordered(self, names: Iterable[str]) -> list[str]:
        left = sorted(names)
        order: list[str] = []
        while left:
            free = next(name for name in left if all(source in order for source in self.upstream[name]))
            order.append(free)
            left.remove(free)
        return order

    @staticmethod
    def _reached(start: str, edges: Mapping[str, frozenset[str]]) -> set[str]:
        found: set[str] = set()
        waiting = list(edges[start])
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(edges[name])
        return found

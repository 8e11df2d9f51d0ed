"""What differs between two versions of a DAG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tradewind.server.contract import SerializedDag, to_plain

_NOT_COMPARED: Final = frozenset({"line", "tasks"})
"""Where the DAG stands in its file says nothing about it, and its tasks are compared one by one."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field that differs.

    Attributes:
        name: dotted where a part of an object differs, such as `grants.variables`.
        before: its value in the older structure; None where it was absent.
        after: its value in the newer one; None where it is absent.
    """

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class TaskChange:
    """A task that both versions have, with other fields."""

    task_id: str
    fields: list[FieldChange]


@dataclass(frozen=True, slots=True)
class VersionChanges:
    """What leads from one structure to another; names are sorted."""

    fields: list[FieldChange] = field(default_factory=list)
    added_tasks: list[str] = field(default_factory=list)
    removed_tasks: list[str] = field(default_factory=list)
    changed_tasks: list[TaskChange] = field(default_factory=list)


def changes(before: SerializedDag, after: SerializedDag) -> VersionChanges:
    """What was added, removed and changed, in the DAG and in its tasks."""
    old, new = to_plain(before), to_plain(after)
    old_tasks = {task["task_id"]: task for task in old["tasks"]}
    new_tasks = {task["task_id"]: task for task in new["tasks"]}
    both = sorted(old_tasks.keys() & new_tasks.keys())
    compared = [TaskChange(task_id, _fields(old_tasks[task_id], new_tasks[task_id])) for task_id in both]
    return VersionChanges(
        fields=_fields(_compared(old), _compared(new)),
        added_tasks=sorted(new_tasks.keys() - old_tasks.keys()),
        removed_tasks=sorted(old_tasks.keys() - new_tasks.keys()),
        changed_tasks=[task for task in compared if task.fields],
    )


def _compared(dag: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in dag.items() if name not in _NOT_COMPARED}


def _fields(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> list[FieldChange]:
    found: list[FieldChange] = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += _fields(old, new, f"{prefix}{name}.")
        elif old != new or (name in before) != (name in after):
            found.append(FieldChange(f"{prefix}{name}", old, new))
    return found

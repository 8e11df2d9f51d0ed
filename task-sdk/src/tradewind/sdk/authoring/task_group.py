"""`TaskGroup`: tasks that stand together, with one name before theirs and one set of arrows around them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from tradewind.sdk.authoring import arguments as check
from tradewind.sdk.authoring.dag_context import current_dag, current_group, pop, push
from tradewind.sdk.authoring.dependencies import AbstractDag, AbstractTaskGroup, DependencyMixin, TaskNode
from tradewind.sdk.exceptions import (
    DagAuthoringError,
    DuplicateTaskIdFound,
    TaskAlreadyInTaskGroup,
    TaskNotFound,
)

DEFAULT_COLOR = "CornflowerBlue"
DEFAULT_FONT_COLOR = "#000"
"""Both as in Airflow."""

_LONGEST_ID = 200
_NAME = re.compile(r"[A-Za-z0-9_\-]+")
_SUFFIX = re.compile(r"__(\d+)$")


class TaskGroup(AbstractTaskGroup):
    """A group of tasks: tasks that are created inside `with TaskGroup(...):` join it.

    An arrow to a group leads to the tasks of it that wait for no other of the group, one from it begins at those that
    no other waits for. Teardown tasks do not count there: what follows a group does not wait for its clean-up.

    Args:
        group_id: name of the group, unique in the group around it.
        prefix_group_id: whether the ids of tasks and groups in it begin with its own.
        parent_group: group that it belongs to; the one that is open when None.
        dag: its DAG; the one that is open when None.
        default_args: defaults for arguments of its operators, before those of the DAG.
        tooltip: words about it.
        doc_md: documentation in Markdown.
        ui_color: CSS color of its box.
        ui_fgcolor: CSS color of its words.
        add_suffix_on_collision: whether a group whose name is taken gets a number behind it instead of an error.
        group_display_name: name for people.

    Raises:
        DuplicateTaskIdFound: a group or a task of the DAG has its id.
        DagAuthoringError: no DAG is open, or a value cannot be.
    """

    def __init__(
        self,
        group_id: str,
        *,
        prefix_group_id: bool = True,
        parent_group: TaskGroup | None = None,
        dag: AbstractDag | None = None,
        default_args: dict[str, Any] | None = None,
        tooltip: str = "",
        doc_md: str | None = None,
        ui_color: str = DEFAULT_COLOR,
        ui_fgcolor: str = DEFAULT_FONT_COLOR,
        add_suffix_on_collision: bool = False,
        group_display_name: str = "",
    ) -> None:
        name = _checked_name(group_id)
        me = f"task group {name!r}"
        parent = _parent(parent_group, dag, me)
        self._begin(parent.dag, parent, _free_name(name, parent) if add_suffix_on_collision else name)
        self.prefix_group_id = check.flag("prefix_group_id", prefix_group_id, me)
        if default_args is not None and not isinstance(default_args, dict):
            raise DagAuthoringError(f"default_args of {me} must be a dict, not {default_args!r}.")
        self.default_args = {**parent.default_args, **(default_args or {})}
        self.tooltip = tooltip
        self.doc_md = doc_md
        self.ui_color = ui_color
        self.ui_fgcolor = ui_fgcolor
        self.group_display_name = group_display_name
        self.check()
        parent.take_in(self)

    def _begin(self, dag: AbstractDag, parent: TaskGroup | None, name: str | None) -> None:
        self.dag = dag
        self.parent_group = parent
        self._name = name
        self.group_id = parent.child_id(name) if parent is not None and name is not None else None
        self.children: dict[str, Any] = {}
        self.used_ids: set[str] = parent.used_ids if parent is not None else set()
        self.upstream_group_ids: set[str | None] = set()
        self.downstream_group_ids: set[str | None] = set()
        self.upstream_task_ids: set[str] = set()
        self.downstream_task_ids: set[str] = set()
        self._upstream: list[DependencyMixin] = []

    @classmethod
    def create_root(cls, dag: AbstractDag) -> TaskGroup:
        """The group of everything in a DAG; it has no id."""
        root = object.__new__(cls)
        root._begin(dag, None, None)
        root.prefix_group_id = True
        root.default_args = {}
        root.tooltip = root.group_display_name = ""
        root.doc_md = None
        root.ui_color, root.ui_fgcolor = DEFAULT_COLOR, DEFAULT_FONT_COLOR
        return root

    def check(self) -> None:
        """Bring each argument into its one form.

        Raises:
            DagAuthoringError: a value that cannot be.
        """
        me = f"task group {self.group_id!r}"
        self.tooltip = check.text("tooltip", self.tooltip, me) or ""
        self.doc_md = check.text("doc_md", self.doc_md, me, longest=check.MAX_DOCUMENTATION)
        self.ui_color = check.text("ui_color", self.ui_color, me, longest=50) or DEFAULT_COLOR
        self.ui_fgcolor = check.text("ui_fgcolor", self.ui_fgcolor, me, longest=50) or DEFAULT_FONT_COLOR
        self.group_display_name = check.text("group_display_name", self.group_display_name, me, longest=500) or ""

    def __enter__(self) -> Self:
        push(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pop()

    def __iter__(self) -> Iterator[Any]:
        """The tasks in it and in the groups in it."""
        for child in self.children.values():
            if isinstance(child, TaskGroup):
                yield from child
            else:
                yield child

    iter_tasks = __iter__

    @property
    def is_root(self) -> bool:
        """Whether it is the group of everything in its DAG."""
        return self.parent_group is None

    @property
    def task_group(self) -> TaskGroup | None:
        """The group that it belongs to."""
        return self.parent_group

    @property
    def node_id(self) -> str | None:
        """The group id."""
        return self.group_id

    @property
    def dag_id(self) -> str:
        """Name of the DAG."""
        return self.dag.dag_id

    @property
    def label(self) -> str | None:
        """Its name without those of the groups around it, or its display name."""
        return self.group_display_name or self._name

    @property
    def upstream_join_id(self) -> str:
        """Name of the point in a graph where arrows to it meet."""
        return f"{self.group_id}.upstream_join_id"

    @property
    def downstream_join_id(self) -> str:
        """Name of the point in a graph where arrows from it begin."""
        return f"{self.group_id}.downstream_join_id"

    def child_id(self, label: str) -> str:
        return f"{self.group_id}.{label}" if self.prefix_group_id and self.group_id else label

    def get_child_by_label(self, label: str) -> Any:
        """The task or group in it of this name, without the name of this group before it.

        Raises:
            KeyError: there is none.
        """
        return self.children[self.child_id(label)]

    def __getitem__(self, label: str) -> Any:
        try:
            return self.get_child_by_label(label)
        except KeyError:
            raise TaskNotFound(f"Task group {self.group_id!r} holds no task or group {label!r}.") from None

    def has_task(self, task: TaskNode) -> bool:
        """Whether the task is in it or in a group in it."""
        return any(child is task for child in self)

    def get_task_group_dict(self) -> dict[str | None, TaskGroup]:
        """It and all groups in it, by id, outer ones first."""
        found: dict[str | None, TaskGroup] = {self.group_id: self}
        for child in self.children.values():
            if isinstance(child, TaskGroup):
                found.update(child.get_task_group_dict())
        return found

    def hierarchical_alphabetical_sort(self) -> list[Any]:
        """What is in it by id, groups first."""
        return sorted(self.children.values(), key=lambda node: (not isinstance(node, TaskGroup), node.node_id))

    def add(self, node: Any) -> Any:
        """Let a task that has no group yet join this one.

        Raises:
            TaskAlreadyInTaskGroup: it belongs to another group.
            DuplicateTaskIdFound: something in the group has its id.
        """
        group = node.task_group
        if group is self:
            return node
        if not isinstance(node, TaskNode) or (group is not None and not group.is_root):
            of = f"task group {group.group_id!r}" if group is not None and not group.is_root else "the DAG"
            raise TaskAlreadyInTaskGroup(
                f"{node.node_id!r} belongs to {of} already and cannot join task group {self.group_id!r}."
            )
        if group is not None:
            group.children.pop(node.task_id, None)
        node.task_group = self
        if node.has_dag():
            self.children[node.task_id] = node
        else:
            self.dag.add_task(node)
        return node

    def adopt(self, task: TaskNode) -> None:
        """Take in a task whose id is free. Called by the DAG, which has seen to that."""
        self.children[task.task_id] = task
        self.used_ids.add(task.task_id)

    def take_in(self, group: TaskGroup) -> None:
        """Take in a new group.

        Raises:
            DuplicateTaskIdFound: its id is taken.
        """
        name = str(group.group_id)
        check.identifier("The id of a task group", name)
        if name in self.used_ids:
            raise DuplicateTaskIdFound(
                f"group_id {name!r} has already been added to DAG {self.dag.dag_id!r}; give each group an id of "
                "its own, or add_suffix_on_collision=True."
            )
        self.used_ids.update((name, group.upstream_join_id, group.downstream_join_id))
        self.children[name] = group

    @property
    def roots(self) -> Sequence[TaskNode]:
        """The tasks in it that wait for no other of it."""
        tasks = list(self)
        ids = {task.task_id for task in tasks}
        return [task for task in tasks if task.upstream_task_ids.isdisjoint(ids)]

    @property
    def leaves(self) -> Sequence[TaskNode]:
        """The tasks in it that no other of it waits for; in the place of a teardown task what comes before it."""
        tasks = {task.task_id: task for task in self}
        found: dict[str, TaskNode] = {}
        for task in tasks.values():
            if task.downstream_task_ids.isdisjoint(tasks):
                found.update((leaf.task_id, leaf) for leaf in _ends(task, tasks))
        return list(found.values())

    def get_roots(self) -> Iterable[TaskNode]:
        """The same as `roots`."""
        return iter(self.roots)

    def get_leaves(self) -> Iterable[TaskNode]:
        """The same as `leaves`."""
        return iter(self.leaves)

    def note_upstream(self, node: DependencyMixin) -> None:
        self._upstream.append(node)
        if isinstance(node, AbstractTaskGroup):
            self.upstream_group_ids.add(node.group_id)
        else:
            self.upstream_task_ids.update(task.task_id for task in node.leaves)

    def note_downstream(self, node: DependencyMixin) -> None:
        if isinstance(node, AbstractTaskGroup):
            self.downstream_group_ids.add(node.group_id)
        else:
            self.downstream_task_ids.update(task.task_id for task in node.roots)

    def passed_on(self) -> Sequence[TaskNode]:
        found: dict[str, TaskNode] = {}
        for node in self._upstream:
            leaves = node.leaves or (node.passed_on() if isinstance(node, AbstractTaskGroup) else ())
            found.update((task.task_id, task) for task in leaves)
        return list(found.values())

    def __repr__(self) -> str:
        return f"<TaskGroup: {self.group_id}>"


def _ends(task: Any, tasks: dict[str, Any]) -> Iterator[Any]:
    """The task itself, or for a teardown task what would be the end of the group without it."""
    if not task.is_teardown:
        yield task
        return
    for name in sorted(task.upstream_task_ids & tasks.keys()):
        before = tasks[name]
        if before.is_teardown:
            yield from _ends(before, tasks)
        elif not before.is_setup and not any(
            other != task.task_id and other in tasks and not tasks[other].is_teardown
            for other in before.downstream_task_ids
        ):
            yield before


def _checked_name(group_id: object) -> str:
    if not isinstance(group_id, str) or not _NAME.fullmatch(group_id) or len(group_id) > _LONGEST_ID:
        raise DagAuthoringError(
            f"group_id {group_id!r} must be a string of 1 to {_LONGEST_ID} ASCII letters, digits, dashes and "
            "underscores."
        )
    return group_id


def _parent(parent: object, dag: AbstractDag | None, me: str) -> TaskGroup:
    if parent is None:
        dag = dag if dag is not None else current_dag()
        if not isinstance(dag, AbstractDag):
            raise DagAuthoringError(
                f"{me.capitalize()} needs a DAG. Create it inside `with DAG(...):`, or give it one."
            )
        parent = current_group(dag)
    if not isinstance(parent, TaskGroup):
        raise DagAuthoringError(f"parent_group of {me} must be a TaskGroup, not {parent!r}.")
    if dag is not None and parent.dag is not dag:
        raise DagAuthoringError(
            f"{me.capitalize()} cannot be in DAG {dag.dag_id!r} and its parent in {parent.dag_id!r}."
        )
    return parent


def _free_name(name: str, parent: TaskGroup) -> str:
    if parent.child_id(name) not in parent.used_ids:
        return name
    core = _SUFFIX.sub("", name)
    pattern = re.compile(rf"{re.escape(parent.child_id(core))}__(\d+)")
    numbers = [int(match.group(1)) for used in parent.used_ids if (match := pattern.fullmatch(used))]
    return f"{core}__{max(numbers, default=0) + 1}"

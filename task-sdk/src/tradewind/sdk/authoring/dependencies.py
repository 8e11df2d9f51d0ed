"""What can stand in an edge of a DAG, and the arrows `>>` and `<<` between such things."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, TypeAlias, TypeVar

from tradewind.sdk.exceptions import DagAuthoringError

_MAX_LABEL = 500

Other = TypeVar("Other", bound="DependencyMixin | Sequence[DependencyMixin]")


class DependencyMixin(ABC):
    """Something with `>>` and `<<`: a task, the result of one, a task group, or a label."""

    @property
    @abstractmethod
    def roots(self) -> Sequence[TaskNode]:
        """The tasks that an arrow to this reaches."""

    @property
    @abstractmethod
    def leaves(self) -> Sequence[TaskNode]:
        """The tasks that an arrow from this begins at."""

    def set_upstream(self, other: Dependencies, edge_modifier: EdgeModifier | None = None) -> None:
        """Make this wait for the other, or for each of several."""
        for item in iterate(other):
            if isinstance(item, EdgeModifier):
                item.set_downstream(self)
            else:
                connect(item, self, edge_modifier)

    def set_downstream(self, other: Dependencies, edge_modifier: EdgeModifier | None = None) -> None:
        """Make the other, or each of several, wait for this."""
        for item in iterate(other):
            if isinstance(item, EdgeModifier):
                item.set_upstream(self)
            else:
                connect(self, item, edge_modifier)

    def __rshift__(self, other: Other) -> Other:
        self.set_downstream(other)
        return other

    def __lshift__(self, other: Other) -> Other:
        self.set_upstream(other)
        return other

    def __rrshift__(self, other: Dependencies) -> Self:
        self.set_upstream(other)
        return self

    def __rlshift__(self, other: Dependencies) -> Self:
        self.set_downstream(other)
        return self


Dependencies: TypeAlias = DependencyMixin | Iterable[DependencyMixin]


class AbstractDag(ABC):
    """What a task needs of its DAG."""

    dag_id: str
    default_args: dict[str, Any]
    params: Any
    task_group: AbstractTaskGroup
    task_dict: Mapping[str, Any]

    @abstractmethod
    def add_task(self, task: Any) -> None:
        """Make the task one of this DAG."""

    @abstractmethod
    def unique_task_id(self, task_id: str, group: AbstractTaskGroup | None = None) -> str:
        """The id itself, or with a number behind it when a task of the DAG has it already."""

    @abstractmethod
    def set_edge_info(self, upstream_task_id: str, downstream_task_id: str, info: dict[str, str]) -> None:
        """Remember what is said about an edge."""


class TaskNode(DependencyMixin):
    """A task as a node of its DAG."""

    task_id: str
    task_group: AbstractTaskGroup | None
    _dag: AbstractDag | None
    upstream_task_ids: set[str]
    downstream_task_ids: set[str]

    @property
    def roots(self) -> Sequence[TaskNode]:
        return [self]

    @property
    def leaves(self) -> Sequence[TaskNode]:
        return [self]

    def has_dag(self) -> bool:
        """Whether the task belongs to a DAG yet."""
        return self._dag is not None


class AbstractTaskGroup(DependencyMixin):
    """What a task needs of its task group."""

    group_id: str | None
    dag: AbstractDag
    default_args: dict[str, Any]

    @abstractmethod
    def child_id(self, label: str) -> str:
        """The id of a task or group of this name in the group."""

    @abstractmethod
    def note_upstream(self, node: DependencyMixin) -> None:
        """Remember what an arrow leads from to this group."""

    @abstractmethod
    def note_downstream(self, node: DependencyMixin) -> None:
        """Remember what an arrow leads to from this group."""

    @abstractmethod
    def passed_on(self) -> Sequence[TaskNode]:
        """Where an arrow from this group begins while it holds no task: at what it waits for."""


class EdgeModifier(DependencyMixin):
    """Words on the edges between what stands before it and what stands behind it.

    Args:
        label: the words, at most 500 characters.
    """

    def __init__(self, label: str | None = None) -> None:
        if label is not None and not _is_label(label):
            raise DagAuthoringError(f"Label {label!r} must be a string of 1 to {_MAX_LABEL} characters.")
        self.label = label
        self._upstream: list[DependencyMixin] = []
        self._downstream: list[DependencyMixin] = []

    @property
    def roots(self) -> Sequence[TaskNode]:
        return [node for item in self._downstream for node in item.roots]

    @property
    def leaves(self) -> Sequence[TaskNode]:
        return [node for item in self._upstream for node in item.leaves]

    def set_upstream(self, other: Dependencies, edge_modifier: EdgeModifier | None = None) -> None:
        for item in iterate(other):
            self._upstream.append(_no_label(item))
            for downstream in self._downstream:
                connect(item, downstream, self)

    def set_downstream(self, other: Dependencies, edge_modifier: EdgeModifier | None = None) -> None:
        for item in iterate(other):
            self._downstream.append(_no_label(item))
            for upstream in self._upstream:
                connect(upstream, item, self)


def _is_label(label: object) -> bool:
    return isinstance(label, str) and 1 <= len(label) <= _MAX_LABEL


def iterate(items: Dependencies) -> Iterable[DependencyMixin]:
    """The single thing, or each of several.

    Raises:
        DagAuthoringError: something among them is no task.
    """
    if isinstance(items, DependencyMixin):
        yield items
        return
    if isinstance(items, str | bytes | dict) or not isinstance(items, Iterable):
        raise _no_task(items)
    for item in items:
        if not isinstance(item, DependencyMixin):
            raise _no_task(item)
        yield item


def connect(upstream: DependencyMixin, downstream: DependencyMixin, modifier: EdgeModifier | None = None) -> None:
    """Make each first task of the one wait for each last task of the other; tasks without a DAG join the other's.

    Raises:
        DagAuthoringError: they belong to more than one DAG, or to none.
    """
    before, after = upstream.leaves, downstream.roots
    if isinstance(downstream, AbstractTaskGroup):
        downstream.note_upstream(upstream)
    if isinstance(upstream, AbstractTaskGroup):
        upstream.note_downstream(downstream)
        before = before or upstream.passed_on()
    if not before or not after:  # a group that holds no task yet
        return
    dag = _common_dag([*before, *after])
    for first in before:
        for second in after:
            first.downstream_task_ids.add(second.task_id)
            second.upstream_task_ids.add(first.task_id)
            if modifier is not None and modifier.label is not None:
                dag.set_edge_info(first.task_id, second.task_id, {"label": modifier.label})


def _common_dag(nodes: Sequence[TaskNode]) -> AbstractDag:
    dags = {id(node._dag): node._dag for node in nodes if node._dag is not None}  # noqa: SLF001 - the same family
    names = ", ".join(sorted({node.task_id for node in nodes}))
    if len(dags) > 1:
        owners = ", ".join(sorted(dag.dag_id for dag in dags.values()))
        raise DagAuthoringError(f"A dependency cannot lead from one DAG to another: tasks {names} belong to {owners}.")
    if not dags:
        raise DagAuthoringError(
            f"A dependency needs a DAG: none of the tasks {names} has one. Create them inside `with DAG(...):`."
        )
    (dag,) = dags.values()
    for node in nodes:
        if node._dag is None:  # noqa: SLF001 - the same family
            dag.add_task(node)
    return dag


def _no_label(item: DependencyMixin) -> DependencyMixin:
    if isinstance(item, EdgeModifier):
        raise DagAuthoringError(f"A label cannot follow a label: {item.label!r} needs a task on each side.")
    return item


def _no_task(value: object) -> DagAuthoringError:
    hint = " Call it to make a task: a decorated function by itself is none." if hasattr(value, "__wrapped__") else ""
    return DagAuthoringError(
        f"A dependency can be set between tasks only; {value!r} is of type {type(value).__name__}.{hint}"
    )

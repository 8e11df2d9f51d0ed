"""The result of a task as an argument of another: a dependency now, a value when the task runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn, Self

from tradewind.sdk.authoring.dependencies import Dependencies, DependencyMixin, TaskNode
from tradewind.sdk.authoring.setup_teardown import Scope, SetupTeardownTask
from tradewind.sdk.authoring.unsupported import unsupported
from tradewind.sdk.exceptions import DagAuthoringError, XComNotFound

XCOM_RETURN_KEY = "return_value"
"""Key under which the value that a task returns is kept."""

_ABSENT = object()


class ResolveMixin(ABC):
    """An argument whose value is known when its task runs."""

    @abstractmethod
    def resolve(self, context: Mapping[str, Any]) -> Any:
        """The value, in a running task."""


class XComArg(ResolveMixin, DependencyMixin):
    """What a task leaves under a key; use it as an argument of another task.

    Args:
        operator: the task that leaves it.
        key: its key; the value that the task returns unless another is given.
    """

    def __init__(self, operator: SetupTeardownTask, key: str = XCOM_RETURN_KEY) -> None:
        self.operator = operator
        self.key = key

    @property
    def roots(self) -> Sequence[TaskNode]:
        return [self.operator]

    @property
    def leaves(self) -> Sequence[TaskNode]:
        return [self.operator]

    def __getitem__(self, key: str) -> XComArg:
        """The XCom of the same task under another key, such as one of its multiple outputs."""
        if not isinstance(key, str):
            raise DagAuthoringError(
                f"The result of task {self.operator.task_id!r} is indexed by a key, a string, not by {key!r}."
            )
        return XComArg(self.operator, key)

    def __iter__(self) -> NoReturn:
        raise DagAuthoringError(
            f"The result of task {self.operator.task_id!r} is not known before it has run: it cannot be unpacked or "
            "looped over. With multiple_outputs=True, index it by key."
        )

    def __contains__(self, item: object) -> NoReturn:
        self.__iter__()

    def __str__(self) -> str:
        """The template that Airflow has for it; a string cannot carry the dependency otherwise."""
        key = "" if self.key == XCOM_RETURN_KEY else f", key={self.key!r}"
        return f"{{{{ task_instance.xcom_pull(task_ids={self.operator.task_id!r}{key}) }}}}"

    def __repr__(self) -> str:
        return f"<XComArg {self.operator.task_id}[{self.key!r}]>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, XComArg) and (self.operator, self.key) == (other.operator, other.key)

    def __hash__(self) -> int:
        return hash((id(self.operator), self.key))

    def map(self, f: object) -> NoReturn:
        raise unsupported("XComArg.map()", "mapped tasks")

    def zip(self, *others: object, fillvalue: object = None) -> NoReturn:
        raise unsupported("XComArg.zip()", "mapped tasks")

    def concat(self, *others: object) -> NoReturn:
        raise unsupported("XComArg.concat()", "mapped tasks")

    @property
    def is_setup(self) -> bool:
        """Whether the task is a setup task."""
        return self.operator.is_setup

    @is_setup.setter
    def is_setup(self, value: bool) -> None:
        self.operator.is_setup = value

    @property
    def is_teardown(self) -> bool:
        """Whether the task is a teardown task."""
        return self.operator.is_teardown

    @is_teardown.setter
    def is_teardown(self, value: bool) -> None:
        self.operator.is_teardown = value

    @property
    def on_failure_fail_dagrun(self) -> bool:
        """Whether the failure of this teardown task fails the run."""
        return self.operator.on_failure_fail_dagrun

    @on_failure_fail_dagrun.setter
    def on_failure_fail_dagrun(self, value: bool) -> None:
        self.operator.on_failure_fail_dagrun = value

    def as_setup(self) -> Self:
        """Make the task a setup task."""
        self.operator.as_setup()
        return self

    def as_teardown(
        self,
        *,
        setups: Dependencies | None = None,
        on_failure_fail_dagrun: bool | None = None,
    ) -> Self:
        """Make the task the teardown task of some setup tasks."""
        self.operator.as_teardown(setups=setups, on_failure_fail_dagrun=on_failure_fail_dagrun)
        return self

    def __enter__(self) -> Scope:
        return self.operator.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.operator.__exit__(kind, error, traceback)

    def resolve(self, context: Mapping[str, Any]) -> Any:
        """The value, read in a running task.

        A task that returned nothing gives None, and so does a missing one of multiple outputs.

        Raises:
            XComNotFound: the task left nothing under another key.
        """
        value = context["ti"].xcom_pull(task_ids=self.operator.task_id, key=self.key, default=_ABSENT)
        if value is not _ABSENT:
            return value
        if self.key == XCOM_RETURN_KEY or getattr(self.operator, "multiple_outputs", False):
            return None
        raise XComNotFound(
            f"Task {self.operator.task_id!r} left no XCom with the key {self.key!r}; it pushes one by "
            f"ti.xcom_push({self.key!r}, ...), or by returning a dict with multiple_outputs=True."
        )


@dataclass(frozen=True)
class LiteralValue(ResolveMixin):
    """A value that is passed on as it is."""

    value: Any

    def resolve(self, context: Mapping[str, Any]) -> Any:
        return self.value


def literal(value: Any) -> LiteralValue:
    """Pass a value to a templated field as it is, braces included: `bash_command=literal("echo '{{ }}'")`."""
    return LiteralValue(value)


def references(value: object) -> Iterator[XComArg]:
    """The results of tasks in a value, also inside lists, tuples, sets and dicts."""
    waiting: list[object] = [value]
    seen: set[int] = set()
    while waiting:
        item = waiting.pop()
        if isinstance(item, XComArg):
            yield item
        elif isinstance(item, list | tuple | set | frozenset | dict) and id(item) not in seen:
            seen.add(id(item))
            waiting.extend(item.values() if isinstance(item, dict) else item)


def resolve(value: Any, context: Mapping[str, Any]) -> Any:
    """The value with what is known only now filled in, in new lists, tuples, sets and dicts."""
    if isinstance(value, ResolveMixin):
        return value.resolve(context)
    if isinstance(value, dict):
        return {key: resolve(item, context) for key, item in value.items()}
    if type(value) in {list, set, frozenset}:
        return type(value)(resolve(item, context) for item in value)
    if isinstance(value, tuple):
        items = [resolve(item, context) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value

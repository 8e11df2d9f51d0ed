"""Setup and teardown tasks, and the scope of a `with` block between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from tradewind.sdk.authoring.dependencies import Dependencies, DependencyMixin, TaskNode, iterate
from tradewind.sdk.authoring.trigger_rule import TriggerRule
from tradewind.sdk.exceptions import DagAuthoringError

_NO_SCOPE = "Only setup/teardown tasks can be used as context managers"


class SetupTeardownTask(TaskNode):
    """A task that can prepare something for other tasks, or clean up after them.

    Attributes:
        is_setup: whether it is a setup task.
        is_teardown: whether it is a teardown task.
        on_failure_fail_dagrun: whether its failure, as a teardown task, fails the run.
    """

    is_setup: bool = False
    is_teardown: bool = False
    on_failure_fail_dagrun: bool = False
    trigger_rule: TriggerRule | str

    def __setattr__(self, name: str, value: Any) -> None:
        if value and name in _REFUSED_BESIDE:
            self._check_role(name)
        super().__setattr__(name, value)

    def as_setup(self) -> Self:
        """Make this a setup task: tasks behind it need it, and clearing one of them clears it, too.

        Raises:
            DagAuthoringError: it is a teardown task.
        """
        self.is_setup = True
        return self

    def as_teardown(
        self,
        *,
        setups: Dependencies | None = None,
        on_failure_fail_dagrun: bool | None = None,
    ) -> Self:
        """Make this a teardown task: it runs when its setup tasks succeeded and what is before it is done.

        Args:
            setups: the setup tasks that it cleans up after; they become setup tasks and come before it.
            on_failure_fail_dagrun: whether its failure fails the run.

        Raises:
            DagAuthoringError: it is a setup task.
        """
        self.is_teardown = True
        self.trigger_rule = TriggerRule.ALL_DONE_SETUP_SUCCESS
        if on_failure_fail_dagrun is not None:
            self.on_failure_fail_dagrun = on_failure_fail_dagrun
        for setup in () if setups is None else iterate(setups):
            for task in setup.leaves:
                if not isinstance(task, SetupTeardownTask):
                    raise DagAuthoringError(f"Task {task.task_id!r} cannot be a setup task.")
                task.is_setup = True
            setup >> self
        return self

    def __enter__(self) -> Scope:
        return enter([self])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        leave(failed=error is not None)

    def _check_role(self, role: str) -> None:
        if role == "on_failure_fail_dagrun":
            if not self.is_teardown:
                raise DagAuthoringError(
                    f"on_failure_fail_dagrun cannot be set for task {self.task_id!r}: it is no teardown task."
                )
        elif getattr(self, _REFUSED_BESIDE[role]):
            raise DagAuthoringError(
                f"Cannot mark task {self.task_id!r} as {role[3:]}; it is a {_REFUSED_BESIDE[role][3:]} task already."
            )


_REFUSED_BESIDE = {"is_setup": "is_teardown", "is_teardown": "is_setup", "on_failure_fail_dagrun": ""}
"""What cannot be set, and beside which other attribute."""


class Scope:
    """What a `with` block of setup and teardown tasks holds.

    Args:
        setups: tasks that come before the work in it.
        teardowns: tasks that come after it.

    Attributes:
        tasks: what was created in it so far.
        inherited: work of blocks in it that have setup tasks only, or teardown tasks only.
    """

    def __init__(self, setups: Sequence[SetupTeardownTask], teardowns: Sequence[SetupTeardownTask]) -> None:
        self.setups = setups
        self.teardowns = teardowns
        self.tasks: list[SetupTeardownTask] = []
        self.inherited: list[SetupTeardownTask] = []

    def add_task(self, task: DependencyMixin) -> None:
        """Let a task that was created elsewhere belong to the block."""
        if self not in _open:
            raise DagAuthoringError("Cannot add a task to a setup/teardown context outside its `with` block.")
        self.tasks.extend(one for one in task.leaves if isinstance(one, SetupTeardownTask))

    def work(self) -> list[SetupTeardownTask]:
        """The tasks of the block that are neither setup nor teardown tasks."""
        return [task for task in self.tasks if not task.is_setup and not task.is_teardown]


class ContextWrapper(list[Any]):
    """Several setup tasks, or several teardown tasks, as one context manager; name in Airflow: `context_wrapper`.

    Args:
        tasks: the tasks, or their results.
    """

    def __init__(self, tasks: Iterable[DependencyMixin]) -> None:
        super().__init__(iterate(tasks))

    def __enter__(self) -> Scope:
        return enter([task for item in self for task in item.leaves])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        leave(failed=error is not None)


context_wrapper = ContextWrapper

_open: list[Scope] = []


def enter(tasks: Sequence[TaskNode]) -> Scope:
    """Open a block: tasks that are created from now on belong between its setup and its teardown tasks.

    Args:
        tasks: setup tasks, whose teardown tasks are found downstream, or teardown tasks, whose setup tasks are found
            upstream.

    Raises:
        DagAuthoringError: there are none, others among them, or both kinds.
    """
    known = [task for task in tasks if isinstance(task, SetupTeardownTask) and (task.is_setup or task.is_teardown)]
    if not known or len(known) != len(tasks):
        names = ", ".join(repr(task.task_id) for task in tasks if task not in known)
        raise DagAuthoringError(f"{_NO_SCOPE}; {names or 'nothing'} is none. Call as_setup() or as_teardown() first.")
    if len({task.is_setup for task in known}) > 1:
        raise DagAuthoringError("All tasks of a setup/teardown context must be setup tasks, or all teardown tasks.")
    if known[0].is_setup:
        scope = Scope(known, _nearest(known, "downstream_task_ids", lambda task: task.is_teardown))
    else:
        scope = Scope(_nearest(known, "upstream_task_ids", lambda task: task.is_setup), known)
    _open.append(scope)
    return scope


def leave(*, failed: bool) -> None:
    """Close the innermost block: its work waits for its setup tasks, and its teardown tasks wait for its work.

    Args:
        failed: whether an error ends the block; then nothing is connected.
    """
    scope = _open.pop()
    if failed:
        return
    work = scope.work()
    first = [task for task in work if not task.upstream_task_ids] or work[:1]
    last = [task for task in work if not task.downstream_task_ids] or work[-1:]
    first += [task for task in scope.inherited if not task.upstream_task_ids]
    last += [task for task in scope.inherited if not task.downstream_task_ids]
    _connect_each(scope.setups, first)
    _connect_each(last, scope.teardowns)
    if not _open:
        return
    outer = _open[-1]
    _connect_each(outer.setups, scope.setups)
    _connect_each(scope.teardowns, outer.teardowns)
    if not scope.setups or not scope.teardowns:  # the open side of its work is the outer block's to close
        outer.inherited += [*work, *scope.inherited]


def note_new_task(task: SetupTeardownTask) -> None:
    """Let a new task belong to the block that is open."""
    if _open:
        _open[-1].tasks.append(task)


def _connect_each(before: Sequence[TaskNode], after: Sequence[TaskNode]) -> None:
    for first in before:
        for second in after:
            if first is not second:
                first.set_downstream(second)


def _nearest(
    tasks: Sequence[SetupTeardownTask], direction: str, is_wanted: Callable[[SetupTeardownTask], bool]
) -> list[SetupTeardownTask]:
    """The nearest tasks of a kind in one direction."""
    dag = tasks[0]._dag  # noqa: SLF001 - the same family
    seen = {task.task_id for task in tasks}
    level = list(tasks)
    while dag is not None and level:
        names = sorted({name for task in level for name in getattr(task, direction)} - seen)
        seen.update(names)
        level = [dag.task_dict[name] for name in names]
        if found := [task for task in level if is_wanted(task)]:
            return found
    return []

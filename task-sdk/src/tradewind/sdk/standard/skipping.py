"""Which tasks are not needed after a task has decided: for branches, short circuits and operators of others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tradewind.sdk.exceptions import TradewindException

if TYPE_CHECKING:
    from tradewind.sdk.authoring.dag import DAG
    from tradewind.sdk.authoring.operator import BaseOperator


class SkipMixin:
    """Gives an operator the words to skip what is downstream of it. Its own outcome stays a success."""

    def skip(self, ti: Any, tasks: Iterable[BaseOperator]) -> None:
        """Say that tasks are not needed in this run.

        Args:
            ti: the running task instance.
            tasks: tasks of the same DAG.
        """
        ti.skip_tasks(task.task_id for task in tasks)

    def skip_all_except(self, ti: Any, branch_task_ids: str | Iterable[str] | None) -> None:
        """Skip the tasks right behind this one, but the chosen ones and what is downstream of those.

        Args:
            ti: the running task instance.
            branch_task_ids: the chosen tasks; None or nothing skips all.

        Raises:
            TradewindException: something chosen is no task of the DAG.
        """
        task = ti.task
        chosen = set(_checked(branch_task_ids, task))
        followed = chosen.union(*(flat_relatives(task.dag, name, upstream=False) for name in chosen))
        skipped = sorted(set(task.downstream_task_ids) - followed)
        task.log.info("Branch into %s; skipped: %s", sorted(chosen), skipped)
        ti.skip_tasks(skipped)


class BranchMixIn(SkipMixin):
    """Gives an operator `do_branch`: a choice among the tasks behind it."""

    def do_branch(self, context: Mapping[str, Any], branches_to_execute: str | Iterable[str] | None) -> Any:
        """Skip what was not chosen.

        Args:
            context: the context of the task.
            branches_to_execute: ids of tasks or task groups; a group stands for its first tasks.

        Returns:
            The choice, as it was made.
        """
        dag = context["task"].dag
        ids = [branches_to_execute] if isinstance(branches_to_execute, str) else branches_to_execute
        expanded = None if ids is None else [name for chosen in ids for name in _group_roots(dag, chosen)]
        self.skip_all_except(context["ti"], expanded)
        return branches_to_execute


def flat_relatives(dag: DAG, task_id: str, *, upstream: bool) -> set[str]:
    """The tasks that a task waits for, or that wait for it, directly or by way of others."""
    found: set[str] = set()
    waiting = [task_id]
    while waiting:
        task = dag.get_task(waiting.pop())
        near = task.upstream_task_ids if upstream else task.downstream_task_ids
        waiting.extend(near - found)
        found |= near
    return found


def _group_roots(dag: DAG, chosen: Any) -> list[Any]:
    group = dag.task_group_dict.get(chosen) if isinstance(chosen, str) else None
    if group is None or chosen in dag.task_dict:
        return [chosen]
    return [task.task_id for task in group.get_roots()]


def _checked(chosen: str | Iterable[Any] | None, task: BaseOperator) -> Collection[str]:
    ids: list[Any] = [] if chosen is None else [chosen] if isinstance(chosen, str) else list(chosen)
    known = task.dag.task_dict
    for name in ids:
        if not isinstance(name, str) or name not in known:
            raise TradewindException(
                f"Task {task.task_id!r} chose {name!r}, which is no task of DAG {task.dag.dag_id!r}. "
                "A branch returns the id of a task or task group, a list of ids, or None to skip all."
            )
    return ids

"""States set by hand: of task instances and of whole runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from tradewind.server.contract import (
    DAG_RUN_FINAL,
    TASK_INSTANCE_FINAL,
    DagRunEvent,
    DagRunState,
    Marked,
    TaskInstanceEvent,
    TaskInstanceState,
    to_plain,
)
from tradewind.server.domain.selection import relatives, to_run_again
from tradewind.server.store import audit
from tradewind.server.store.runs.by_hand import move_instances, move_run
from tradewind.server.store.runs.cancel import end_soon
from tradewind.server.store.runs.clear import clear_instances
from tradewind.server.store.runs.held import HeldInstance, HeldRun, RunRange, graphs_of, hold_instances, hold_runs
from tradewind.server.store.runs.lists import get_instance
from tradewind.server.store.transaction import Transaction

TaskMark = Literal[TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SKIPPED]
"""States of a task instance that somebody may set."""

RunMark = Literal[DagRunState.SUCCESS, DagRunState.FAILED]
"""States of a run that somebody may set; to queue it again is to clear it."""

_TASK_EVENTS: Final[Mapping[TaskInstanceState, TaskInstanceEvent]] = {
    TaskInstanceState.SUCCESS: TaskInstanceEvent.MARK_SUCCESS,
    TaskInstanceState.FAILED: TaskInstanceEvent.MARK_FAILED,
    TaskInstanceState.SKIPPED: TaskInstanceEvent.MARK_SKIPPED,
}
_RUN_EVENTS: Final[Mapping[DagRunState, DagRunEvent]] = {
    DagRunState.SUCCESS: DagRunEvent.MARK_SUCCESS,
    DagRunState.FAILED: DagRunEvent.MARK_FAILED,
}
_HANDED_OUT: Final = frozenset({TaskInstanceState.QUEUED, TaskInstanceState.RUNNING})
_FAILED: Final = frozenset({TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """Whose state is to be set.

    Attributes:
        task_id: the task that is named.
        map_index: its instance; all of them when None.
        state: the new state.
        upstream: whether everything above the task is meant, too.
        downstream: whether everything below it is.
        past: whether the same in runs with an earlier logical date is.
        future: whether the same in runs with a later logical date is.
    """

    dag_id: str
    run_id: str
    task_id: str
    state: TaskMark
    map_index: int | None = -1
    upstream: bool = False
    downstream: bool = False
    past: bool = False
    future: bool = False


def markable(tx: Transaction, marking: Marking) -> list[int]:
    """Keys of the task instances whose state `mark_instances` would change now.

    Raises:
        Refused: as `mark_instances`.
    """
    return [instance.pk for instance in _chosen(tx, marking, _held(tx, marking))]


def mark_instances(tx: Transaction, marking: Marking, *, user: str | None) -> list[int]:
    """Set the state of task instances; live tries of them are stopped.

    As in Airflow, what is below the named task and is in `failed` or `upstream_failed` is cleared: it may go well now.
    A run that had ended is queued again for that, and stays as it is otherwise.

    Args:
        tx: a transaction that writes.
        marking: which ones, and the state.
        user: name of the credential that asks for it.

    Returns:
        Keys of those whose state changed to the one that is asked for.

    Raises:
        Refused: `not_found` for the run or task instance; `invalid_value` when other runs are meant and the run has no
            logical date.
    """
    actor = _actor(user)
    runs = _held(tx, marking)
    chosen = _chosen(tx, marking, runs)
    move_instances(tx, chosen, _TASK_EVENTS[marking.state], actor=actor, reason=_reason(tx, marking.state, user))
    _clear_below(tx, marking, runs, {instance.pk for instance in chosen}, actor)
    audit.append(
        tx,
        actor=actor,
        action="mark_task_instances",
        subject=f"{marking.dag_id}/{marking.run_id}/{marking.task_id}",
        detail={"state": marking.state.value, "task_instances": len(chosen), "runs": len(runs)},
    )
    return [instance.pk for instance in chosen]


def mark_run(tx: Transaction, dag_id: str, run_id: str, state: RunMark, *, user: str | None) -> None:
    """Set the state of a run, and of its task instances as Airflow does.

    `success`: every task instance ends in `success`. `failed`: those that are handed out end in `failed`, all others
    that have not ended in `skipped`. Teardown tasks that have not ended are left to run, and the run ends after them.

    Args:
        tx: a transaction that writes.
        dag_id: the DAG.
        run_id: the run.
        state: the new state.
        user: name of the credential that asks for it.

    Raises:
        Refused: `not_found`.
    """
    actor = _actor(user)
    (run,) = hold_runs(tx, RunRange(dag_id=dag_id, run_id=run_id))
    graph = graphs_of(tx, [run.dag_version_pk])[run.dag_version_pk]
    instances = hold_instances(tx, [run])
    cleaning = {
        instance.pk
        for instance in instances
        if instance.state not in TASK_INSTANCE_FINAL and graph.traits[graph.number(instance.task_id)].is_teardown
    }
    others = [instance for instance in instances if instance.pk not in cleaning]
    if state is DagRunState.SUCCESS:
        _mark(tx, others, TaskInstanceState.SUCCESS, user)
    else:
        unfinished = [instance for instance in others if instance.state not in TASK_INSTANCE_FINAL]
        _mark(tx, [one for one in unfinished if one.state in _HANDED_OUT], TaskInstanceState.FAILED, user)
        _mark(tx, [one for one in unfinished if one.state not in _HANDED_OUT], TaskInstanceState.SKIPPED, user)
    _end(tx, run, state, actor, waits=bool(cleaning))
    audit.append(tx, actor=actor, action="mark_run", subject=f"{dag_id}/{run_id}", detail={"state": state.value})


def _end(tx: Transaction, run: HeldRun, state: RunMark, actor: str, *, waits: bool) -> None:
    if waits and run.state not in DAG_RUN_FINAL:
        if state is DagRunState.FAILED:
            end_soon(tx, run)
    elif run.state is not state:
        move_run(tx, run, _RUN_EVENTS[state], actor=actor)


def _mark(tx: Transaction, instances: list[HeldInstance], state: TaskMark, user: str | None) -> None:
    others = [instance for instance in instances if instance.state is not state]
    move_instances(tx, others, _TASK_EVENTS[state], actor=_actor(user), reason=_reason(tx, state, user))


def _held(tx: Transaction, marking: Marking) -> list[HeldRun]:
    map_index = -1 if marking.map_index is None else marking.map_index
    get_instance(tx, marking.dag_id, marking.run_id, marking.task_id, map_index)
    wanted = RunRange(dag_id=marking.dag_id, run_id=marking.run_id, past=marking.past, future=marking.future)
    return hold_runs(tx, wanted)


def _chosen(tx: Transaction, marking: Marking, runs: list[HeldRun]) -> list[HeldInstance]:
    """The task instances that are meant and are in another state; with each run's tasks as its DAG version has them."""
    tasks = {
        pk: relatives(graph, [marking.task_id], upstream=marking.upstream, downstream=marking.downstream)
        for pk, graph in graphs_of(tx, [run.dag_version_pk for run in runs]).items()
        if marking.task_id in graph
    }
    of_run = {run.pk: tasks.get(run.dag_version_pk, set()) for run in runs}
    return [
        instance
        for instance in hold_instances(tx, runs, set().union(*of_run.values()))
        if instance.task_id in of_run[instance.run_pk]
        and instance.state is not marking.state
        and (instance.task_id != marking.task_id or marking.map_index in (None, instance.map_index))
    ]


def _clear_below(tx: Transaction, marking: Marking, runs: list[HeldRun], marked: set[int], actor: str) -> None:
    """Clear what failed below the named task, in runs that are not ending."""
    open_runs = [run for run in runs if not run.ending]
    tasks = {
        pk: to_run_again(graph, [marking.task_id], downstream=True) - {marking.task_id}
        for pk, graph in graphs_of(tx, [run.dag_version_pk for run in open_runs]).items()
        if marking.task_id in graph
    }
    of_run = {run.pk: tasks.get(run.dag_version_pk, set()) for run in open_runs}
    below = [
        instance
        for instance in hold_instances(tx, open_runs, set().union(*of_run.values()))
        if instance.task_id in of_run[instance.run_pk] and instance.state in _FAILED and instance.pk not in marked
    ]
    affected = {instance.run_pk for instance in below}
    clear_instances(tx, [run for run in open_runs if run.pk in affected], below, actor=actor)


def _reason(tx: Transaction, state: TaskInstanceState, user: str | None) -> dict[str, object]:
    reason: dict[str, object] = to_plain(Marked(state=state, user=user, at=tx.now))
    return reason


def _actor(user: str | None) -> str:
    return f"user:{user}" if user else "server"

"""Clearing: task instances that ran become as new, and their runs go on or begin once more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from tradewind.server.contract import (
    DAG_RUN_FINAL,
    DagRunEvent,
    ProblemReason,
    TaskInstanceEvent,
    TaskInstanceState,
)
from tradewind.server.domain.graph import Graph
from tradewind.server.domain.refusals import Refused
from tradewind.server.domain.selection import to_run_again
from tradewind.server.store import audit
from tradewind.server.store.dags.catalogue import get_dag
from tradewind.server.store.runs.by_hand import move_instances, move_run
from tradewind.server.store.runs.held import HeldInstance, HeldRun, RunRange, graphs_of, hold_instances, hold_runs
from tradewind.server.store.runs.newest_version import newest_version, pin_to_newest
from tradewind.server.store.statements import within
from tradewind.server.store.tables import xcom
from tradewind.server.store.transaction import Transaction

_FAILED = frozenset({TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED})
_DROP_XCOMS = xcom.delete().where(within(xcom.c.instance_pk, "instances"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearing:
    """What is to be cleared.

    Attributes:
        dag_id: the DAG.
        run_id: the run; when None, all runs from `start` to `end`.
        tasks: task to the map indexes that are meant, None for all of them; all tasks when None. The setup and
            teardown tasks that these need are cleared with them.
        upstream: whether everything above the tasks is cleared, too.
        downstream: whether everything below them is.
        past: whether runs with an earlier logical date are meant, too.
        future: whether runs with a later logical date are.
        start: without a run_id, the first logical date.
        end: without a run_id, the last logical date.
        only_failed: of these task instances, only those in `failed` and `upstream_failed`.
        only_running: of these task instances, only those in `running`.
        on_newest_version: whether the runs go on with the newest version and snapshot of their DAG.
        whole_run: whether a run that has ended is queued again even if nothing in it is to be cleared.
        prevent_running: whether to refuse when one of them is running.
    """

    dag_id: str
    run_id: str | None = None
    tasks: Mapping[str, frozenset[int] | None] | None = None
    upstream: bool = False
    downstream: bool = False
    past: bool = False
    future: bool = False
    start: datetime | None = None
    end: datetime | None = None
    only_failed: bool = False
    only_running: bool = False
    on_newest_version: bool = False
    whole_run: bool = False
    prevent_running: bool = False


def clearable(tx: Transaction, clearing: Clearing) -> list[int]:
    """Keys of the task instances that `clear` would clear now.

    Raises:
        Refused: as `clear`.
    """
    return [instance.pk for instance in _select(tx, clearing, _hold_runs(tx, clearing))]


def clear(tx: Transaction, clearing: Clearing, *, user: str | None, actor: str | None = None) -> list[int]:
    """Clear task instances.

    Each goes to `none` with a new budget of retries, without XComs, without the skips that it declared; its live try is
    stopped, and the next one waits until the process of that is gone. A run that has ended is queued again; any other
    goes on.

    Args:
        tx: a transaction that writes.
        clearing: which ones.
        user: name of the credential that asks for it.
        actor: who is named in events and audit; the user when absent.

    Returns:
        Keys of the task instances, those among them that had not run included.

    Raises:
        Refused: `not_found` for the DAG or run; `invalid_value` for a task that none of the runs has; `conflict`
            while a run is ending, when its DAG is not declared any more and its newest version is asked for, or when a
            task instance runs and must not.
    """
    actor = actor or (f"user:{user}" if user else "server")
    runs = _hold_runs(tx, clearing)
    for run in runs:
        _refuse_ending(run)
    if clearing.on_newest_version:
        for run in runs:
            pin_to_newest(tx, run, actor=actor)
    chosen = _select(tx, clearing, runs)
    _refuse_running(clearing, chosen)
    affected = {instance.run_pk for instance in chosen}
    again = [run for run in runs if clearing.whole_run or run.pk in affected]
    clear_instances(tx, again, chosen, actor=actor)
    for run in again:
        audit.append(
            tx,
            actor=actor,
            action="clear_run" if clearing.whole_run else "clear_task_instances",
            subject=f"{run.dag_id}/{run.run_id}",
            detail={
                "task_instances": sum(instance.run_pk == run.pk for instance in chosen),
                "on_newest_version": clearing.on_newest_version,
            },
        )
    return [instance.pk for instance in chosen]


def clear_instances(tx: Transaction, runs: list[HeldRun], instances: list[HeldInstance], *, actor: str) -> None:
    """Clear held task instances, and queue those of the held runs again that have ended."""
    ran = [instance for instance in instances if instance.state is not TaskInstanceState.NONE]
    move_instances(tx, ran, TaskInstanceEvent.CLEAR, actor=actor)
    if ran:
        tx.change(_DROP_XCOMS, {"instances": [instance.pk for instance in ran]})
    for run in runs:
        if run.state in DAG_RUN_FINAL:
            move_run(tx, run, DagRunEvent.CLEAR, actor=actor)


def _hold_runs(tx: Transaction, clearing: Clearing) -> list[HeldRun]:
    get_dag(tx, clearing.dag_id)
    wanted = RunRange(
        dag_id=clearing.dag_id,
        run_id=clearing.run_id,
        past=clearing.past,
        future=clearing.future,
        start=clearing.start,
        end=clearing.end,
    )
    return hold_runs(tx, wanted)


def _refuse_ending(run: HeldRun) -> None:
    if run.ending:
        raise Refused(
            ProblemReason.CONFLICT,
            f"run {run.run_id} is ending: what it still does is to clean up",
            field="dag_run_id",
            action="clear it once it has ended",
        )


def _refuse_running(clearing: Clearing, chosen: Collection[HeldInstance]) -> None:
    running = [one.task_id for one in chosen if one.state is TaskInstanceState.RUNNING]
    if clearing.prevent_running and running:
        raise Refused(
            ProblemReason.CONFLICT,
            f"task {running[0]} is running" + (f", and {len(running) - 1} more" if len(running) > 1 else ""),
            field="prevent_running_task",
            action="wait until it has ended, or leave prevent_running_task out to stop it",
        )


def _select(tx: Transaction, clearing: Clearing, runs: list[HeldRun]) -> list[HeldInstance]:
    """The task instances that are meant; with each run's tasks as its DAG version has them."""
    if not runs:
        return []
    if clearing.on_newest_version and tx.read_only:
        versions = {run.pk: newest_version(tx, clearing.dag_id).dag_version_pk for run in runs}
    else:
        versions = {run.pk: run.dag_version_pk for run in runs}
    graphs = graphs_of(tx, versions.values())
    chosen = {pk: _tasks(clearing, graph) for pk, graph in graphs.items()}
    _refuse_unknown(clearing, graphs.values())
    wanted = None if clearing.tasks is None else set().union(*chosen.values())
    indexes = clearing.tasks or {}
    return [
        instance
        for instance in hold_instances(tx, runs, wanted)
        if instance.task_id in chosen[versions[instance.run_pk]]
        and _is_named(indexes.get(instance.task_id), instance.map_index)
        and (not clearing.only_failed or instance.state in _FAILED)
        and (not clearing.only_running or instance.state is TaskInstanceState.RUNNING)
    ]


def _refuse_unknown(clearing: Clearing, graphs: Collection[Graph]) -> None:
    unknown = {task_id for task_id in clearing.tasks or () if not any(task_id in graph for graph in graphs)}
    if unknown:
        raise Refused(
            ProblemReason.INVALID_VALUE,
            f"DAG {clearing.dag_id} has no task {min(unknown)} in the runs that are meant",
            field="task_ids",
            action="correct the name; GET /api/v2/dags/{dag_id}/tasks lists the tasks",
        )


def _is_named(indexes: frozenset[int] | None, map_index: int) -> bool:
    return indexes is None or map_index in indexes


def _tasks(clearing: Clearing, graph: Graph) -> set[str]:
    if clearing.tasks is None:
        return set(graph.task_ids)
    known = [task_id for task_id in clearing.tasks if task_id in graph]
    return to_run_again(graph, known, upstream=clearing.upstream, downstream=clearing.downstream)

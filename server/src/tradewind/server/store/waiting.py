"""What task instances in `none` wait for: upstream tasks of their run, or the run before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import bindparam as bind
from sqlalchemy import select, text

from tradewind.server.contract import TASK_INSTANCE_FINAL, TaskInstanceState
from tradewind.server.domain.decisions import InstanceFact
from tradewind.server.domain.graph import Graph
from tradewind.server.domain.past import Past, PreviousRun
from tradewind.server.domain.reason_views import PastView
from tradewind.server.domain.trigger_rules import Verdict
from tradewind.server.domain.upstream_counts import UpstreamCounts
from tradewind.server.store.dags.catalogue import dag_version
from tradewind.server.store.rows import InstanceRow
from tradewind.server.store.runs.finding import previous_run
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dag_run, task_instance
from tradewind.server.store.transaction import Transaction

TASKS_IN_MEMORY: Final = 100_000
"""Tasks of the graphs that are kept: about 30 MB."""

_INSTANCES = select(
    task_instance.c.pk,
    task_instance.c.task_id,
    task_instance.c.map_index,
    task_instance.c.state,
    task_instance.c.rev,
).where(task_instance.c.run_pk == bind("run"), within(task_instance.c.task_id, "task_ids"))
_SKIPS = select(task_instance.c.skips).where(
    task_instance.c.run_pk == bind("run"),
    task_instance.c.state == text("'success'"),
    task_instance.c.skips.is_not(None),
)
_LOGICAL_DATE = select(dag_run.c.logical_date).where(dag_run.c.pk == bind("run"))


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a task instance waits for.

    Attributes:
        upstream: states of the tasks that its trigger rule looks at, by task id; the worst of several instances.
        decided: whether these leave nothing to wait for.
        past: the run before, when that alone holds it back.
    """

    upstream: Mapping[str, TaskInstanceState] = field(default_factory=dict)
    decided: bool = False
    past: PastView | None = None


def graph_of(tx: Transaction, dag_version_pk: int) -> Graph:
    """The graph of a DAG version; those read last are kept."""
    cache: dict[int, Graph] = tx.cache.setdefault("graphs", {})
    known = cache.get(dag_version_pk)
    if known is None:
        known = Graph.from_dag(dag_version(tx, dag_version_pk))
        if sum(len(graph) for graph in list(cache.values())) + len(known) > TASKS_IN_MEMORY:
            cache.clear()
        cache[dag_version_pk] = known
    return known


def waiting_for(tx: Transaction, rows: Iterable[InstanceRow]) -> dict[int, Waiting]:
    """What task instances wait for, by key.

    Args:
        tx: a transaction.
        rows: those in `none`, or others whose upstream tasks are asked for.
    """
    of_runs: dict[int, list[InstanceRow]] = {}
    for row in rows:
        of_runs.setdefault(row.run_pk, []).append(row)
    found: dict[int, Waiting] = {}
    for run_pk, of_run in of_runs.items():
        found |= _of_run(tx, run_pk, of_run)
    return found


def _of_run(tx: Transaction, run_pk: int, rows: Sequence[InstanceRow]) -> dict[int, Waiting]:
    graph = graph_of(tx, rows[0].dag_version_pk)
    numbers = {row.pk: graph.number(row.task_id) for row in rows if row.task_id in graph}
    asked = {number: _looked_at(graph, number) for number in set(numbers.values())}
    states = _states(tx, run_pk, {graph.task_ids[source] for sources in asked.values() for source in sources})
    counts = UpstreamCounts(graph)
    for task_id, of_task in states.items():
        for state in of_task:
            counts.add(graph.number(task_id))
            counts.count(graph.number(task_id), state, 1)
    decided = {number: counts.verdict(number) for number in asked}
    held = _held_back(tx, run_pk, graph, decided)
    return {
        pk: Waiting(
            upstream={
                graph.task_ids[source]: _worst(states[graph.task_ids[source]])
                for source in asked[number]
                if graph.task_ids[source] in states
            },
            decided=decided[number] is not Verdict.WAIT,
            past=held.get(number),
        )
        for pk, number in numbers.items()
    }


def _looked_at(graph: Graph, number: int) -> Collection[int]:
    """The tasks that the verdict about a task depends on."""
    return {*graph.upstream[number], *graph.indirect_setups.get(number, ()), *graph.scopes.get(number, ())}


def _states(tx: Transaction, run_pk: int, task_ids: Collection[str]) -> dict[str, list[TaskInstanceState]]:
    states: dict[str, list[TaskInstanceState]] = {}
    for row in tx.rows(_INSTANCES, {"run": run_pk, "task_ids": sorted(task_ids)}) if task_ids else ():
        states.setdefault(row.task_id, []).append(TaskInstanceState(row.state))
    return states


def _worst(states: Sequence[TaskInstanceState]) -> TaskInstanceState:
    """One that has not ended before one that did not end well before any other."""
    return min(states, key=lambda state: (state in TASK_INSTANCE_FINAL, state is TaskInstanceState.SUCCESS))


def _held_back(tx: Transaction, run_pk: int, graph: Graph, verdicts: Mapping[int, Verdict]) -> dict[int, PastView]:
    """The tasks that nothing but the run before holds back, with what is in the way there."""
    looking = {number for number in verdicts if graph.traits[number].looks_back}
    if not looking:
        return {}
    skipped = _skipped(tx, run_pk, graph, looking)
    candidates = {number for number in looking if _asks_for_past(graph, number, verdicts[number], number in skipped)}
    previous = previous_run(tx, run_pk, but_manual=graph.catchup) if candidates else None
    if previous is None:
        return {}
    past = Past(graph)
    watched = {target for number in candidates for target in (number, *graph.downstream[number])}
    values = {"run": previous.pk, "task_ids": sorted(graph.task_ids[number] for number in watched)}
    facts = [
        InstanceFact(row.pk, row.task_id, row.map_index, TaskInstanceState(row.state), row.rev)
        for row in tx.rows(_INSTANCES, values)
    ]
    past.tell(PreviousRun(previous.pk, previous.rev, previous.logical_date), facts)
    blockers = {number: past.blocker(number) for number in candidates}
    return {number: PastView(previous.run_id, *found) for number, found in blockers.items() if found is not None}


def _asks_for_past(graph: Graph, number: int, verdict: Verdict, skipped: bool) -> bool:  # noqa: FBT001
    """Whether the run before is asked about a task: for one that is skipped only if it says so itself."""
    if skipped or verdict is Verdict.UPSTREAM_SKIPPED:
        return graph.traits[number].wait_for_past_depends_before_skipping
    return verdict is Verdict.READY


def _skipped(tx: Transaction, run_pk: int, graph: Graph, numbers: Iterable[int]) -> set[int]:
    """Those of the tasks that are going to be skipped: by another task, or because of the run's date."""
    declared = {task_id for row in tx.rows(_SKIPS, {"run": run_pk}) for task_id in row.skips}
    date = tx.value(_LOGICAL_DATE, {"run": run_pk})
    return {number for number in numbers if graph.task_ids[number] in declared or graph.traits[number].excludes(date)}

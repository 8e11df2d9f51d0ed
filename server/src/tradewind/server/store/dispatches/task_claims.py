"""Claiming of tasks: fair between DAGs, within pools and all other limits, also with several claimers at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from tradewind.server.contract import CodeReference, DagRunContext
from tradewind.server.domain.claim_order import ClaimOrder, Lane, Usage
from tradewind.server.store import limits
from tradewind.server.store.dispatches.activities import execute_task
from tradewind.server.store.dispatches.claim_records import handout_of, write_tasks
from tradewind.server.store.dispatches.claim_walk import Position, Walk, all_queues, rows_of, walk
from tradewind.server.store.dispatches.takers import Handouts, Takers
from tradewind.server.store.handouts import Handout
from tradewind.server.store.identity import uuid7
from tradewind.server.store.transaction import Transaction


def claim_tasks(tx: Transaction, executor: str, takers: Takers) -> Handouts:
    """Hand waiting tasks of an executor out.

    Args:
        tx: a transaction that writes.
        executor: executor of the tasks.
        takers: who takes them.
    """
    handouts = Handouts()
    for walks in _rounds(tx, executor, takers):
        lanes = [lane for part in walks for lane in part.lanes]
        if lanes and not all(part.alone for part in walks):
            handouts.contended = True
            break
        if lanes:
            handouts.add(_claim_from(tx, executor, takers, lanes))
    return handouts


def _claim_from(tx: Transaction, executor: str, takers: Takers, lanes: Sequence[Lane]) -> Handouts:
    usage = Usage(limits.active_instances(tx), executor, partial(limits.active_tasks, tx))
    order = ClaimOrder(lanes, usage, partial(rows_of, tx, executor))
    dealt: list[tuple[Any, Handout]] = []
    runs: dict[int, tuple[DagRunContext, CodeReference]] = {}
    while (picked := order.next(takers.free)) is not None:
        lane, row = picked
        activity = execute_task(row, try_id=uuid7(), try_number=row.try_number + 1, runs=runs)
        handout = handout_of(
            tx,
            activity,
            takers.take(lane.queue),
            queue=row.queue,
            dag_version_pk=row.dag_version_pk,
            takeover_after_seconds=row.takeover_after_seconds,
        )
        dealt.append((row, handout))
    write_tasks(tx, dealt)
    handouts = [handout for _, handout in dealt]
    return Handouts(handouts, held_back=order.held_back, contended=order.changing)


def _rounds(tx: Transaction, executor: str, takers: Takers) -> Iterator[list[Walk]]:
    """What waits in all queues that are served; in parts if there is much, while there are free places."""
    queues = takers.queues()
    if queues is None:
        queues = all_queues(tx, executor)
    steps = [_steps(tx, executor, queue, partial(takers.free, queue)) for queue in queues]
    while walks := [part for part in (next(step, None) for step in steps) if part is not None]:
        yield walks


def _steps(tx: Transaction, executor: str, queue: str, free: Callable[[], int]) -> Iterator[Walk]:
    """Walks through a queue while somebody serves it, from where the last claim ended, at most once to its end."""
    positions: dict[tuple[str, str], Position | None] = tx.cache.setdefault("claim_positions", {})
    behind = positions.get((executor, queue))
    from_start = behind is None
    while free() > 0:
        found = walk(tx, executor, queue, behind=behind)
        positions[executor, queue] = behind = found.end
        yield found
        if behind is None:
            if from_start:
                return
            from_start = True

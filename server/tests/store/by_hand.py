"""What tests of changes by hand have in common: clear tasks, play a run to its end, and read its story."""

from collections.abc import Mapping
from typing import Any

import pytest

from tradewind.server.domain.refusals import Refused
from tradewind.server.store import runs, xcoms
from tradewind.server.store.rows import XComRow
from tradewind.server.store.runs import Clearing

from .world import World, dag, succeeded, task, task_id_of


def clear(world: World, *tasks: str, run_id: str | None = "r", **options: Any) -> set[str]:
    """Clear tasks, or all of them, and return the ids of those that were."""
    clearing = Clearing(dag_id="d", run_id=run_id, tasks=dict.fromkeys(tasks) if tasks else None, **options)
    would = world.read(lambda tx: runs.clearable(tx, clearing))
    pks = world.write(lambda tx: runs.clear(tx, clearing, user="me"))
    assert would == pks or clearing.on_newest_version
    return {row.task_id for row in world.read(lambda tx: runs.instances_by_pk(tx, pks))}


def refusal(world: World, *tasks: str, **options: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        clear(world, *tasks, **options)
    return refused.value


def play(world: World, outcomes: Mapping[str, Any] | None = None) -> None:
    """Hand out and end everything that becomes ready."""
    world.schedule()
    while handouts := world.claim():
        for handout in handouts:
            world.report(handout.dispatch_id, (outcomes or {}).get(task_id_of(handout), succeeded(x=1)))
        world.schedule()


def chain(world: World, **outcomes: Any) -> None:
    """A run of `a >> b >> c`, played to its end."""
    world.declare(dag("d", task("a"), task("b", "a"), task("c", "b")))
    world.trigger("d", run_id="r")
    play(world, outcomes)


def xcoms_of(world: World, task_id: str = "t") -> list[XComRow]:
    pk = world.instance(task_id).pk
    return world.read(lambda tx: xcoms.list_xcoms(tx, pk))


def story(world: World, task_id: str | None, run_id: str = "r") -> list[str]:
    return [event.event for event in world.events(run_id) if event.task_id == task_id]

"""Clearing while tries are under way: the state changes at once, and one process runs at a time."""

import asyncio
import contextlib
import functools
from collections.abc import Callable
from typing import Any

import pytest

from tradewind.server.contract import ActivityKind, ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import Store, dispatches, runs
from tradewind.server.store.dispatches import Handouts
from tradewind.server.store.handouts import ClaimRequest, Handout, Report
from tradewind.server.store.runs import Clearing

from .by_hand import chain, clear, play, story, xcoms_of
from .world import OpenStore, World, dag, failed, interrupted, started, succeeded, task, task_id_of

WorldOf = Callable[[Store], World]


@pytest.mark.parametrize("outcome", [succeeded(x=2), failed(), interrupted()], ids=["success", "failed", "interrupted"])
@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
def test_the_outcome_of_a_cleared_try_changes_nothing(world: World, outcome: Any, late: bool) -> None:
    binding = world.connect().binding
    old = world.hand_out_one(worker=binding)
    world.report(old.dispatch_id, started())
    clear(world)
    if late:
        world.connect(instance_id=binding.instance_id)
        with pytest.raises(Refused) as refused:
            world.write(lambda tx: dispatches.finish(tx, old.dispatch_id, outcome))
        assert refused.value.reason is ProblemReason.DISPATCH_ENDED
    else:
        world.report(old.dispatch_id, outcome)
    row = world.instance()
    assert (row.state.value, row.failures, row.lost) == ("none", 0, 0)
    assert xcoms_of(world) == []
    play(world)
    assert world.states() == {"t": "success"}
    tries = world.read(lambda tx: runs.list_tries(tx, row.pk))
    assert [(one.try_number, one.state) for one in tries] == [(1, "stopped"), (2, "success")]
    assert story(world, "t").count("succeed") == 1


def test_an_outcome_that_came_first_is_cleared_with_its_task(world: World) -> None:
    old = world.hand_out_one()
    world.report(old.dispatch_id, succeeded(x=1))
    clear(world)
    assert (world.states(), world.instance().stopping_dispatch_id) == ({"t": "none"}, None)
    play(world)
    assert world.run_row().state == "success"


def test_clearing_and_an_outcome_in_one_transaction_have_one_winner(world: World) -> None:
    old = world.hand_out_one(worker=world.connect().binding)

    async def both() -> None:
        clearing = Clearing(dag_id="d", run_id="r")
        await asyncio.gather(
            world.store.write(lambda tx: runs.clear(tx, clearing, user="me")),
            world.store.write_each(dispatches.record_reports, Report(old.dispatch_id, succeeded(x=1))),
        )

    world.run(both())
    row = world.instance()
    assert (row.state.value, row.stopping_dispatch_id) == ("none", None)
    assert xcoms_of(world) == []
    play(world)
    assert world.states() == {"t": "success"}


def test_clearing_twice_stops_once_and_keeps_the_fence(world: World) -> None:
    old = world.hand_out_one(worker=world.connect().binding)
    clear(world)
    clear(world)
    world.schedule()
    clear(world)
    world.schedule()
    assert world.instance().stopping_dispatch_id == old.dispatch_id
    assert world.claim() == []
    world.report(old.dispatch_id, interrupted())
    (again,) = world.claim()
    clear(world)
    assert world.instance().stopping_dispatch_id is None, "a broker has it and nobody asked for it"
    assert again.dispatch_id != old.dispatch_id


def test_two_clears_at_once_are_one(world: World) -> None:
    chain(world)

    async def both() -> None:
        clearing = Clearing(dag_id="d", run_id="r")
        jobs = [lambda tx: runs.clear(tx, clearing, user="me")] * 2
        await asyncio.gather(*(world.store.write(job) for job in jobs))

    world.run(both())
    assert world.run_row().clear_number == 1
    assert story(world, "a").count("clear") == 1
    play(world)
    assert world.run_row().state == "success"


@pytest.mark.parametrize("state", ["none", "scheduled", "queued", "running", "up_for_retry"])
def test_every_unfinished_state_can_be_cleared(world: World, state: str) -> None:
    world.declare(dag("d", task("t", retries=1, retry_delay_seconds=600)))
    world.trigger("d", run_id="r")
    if state != "none":
        world.schedule()
    if state in {"queued", "running", "up_for_retry"}:
        (handout,) = world.claim()
        if state == "running":
            world.report(handout.dispatch_id, started())
        if state == "up_for_retry":
            world.report(handout.dispatch_id, failed())
    assert world.states() == {"t": state}
    clear(world)
    row = world.instance()
    assert (row.state.value, row.retry_at, row.dispatch_id) == ("none", None, None)
    play(world)
    assert world.run_row().state == "success"


def test_a_cleared_instance_is_not_decided_upon_by_an_older_view(world: World) -> None:
    """What a claim has in hand when somebody clears loses its place."""
    world.declare(dag("d", task("t")))
    world.trigger("d", run_id="r")
    world.schedule()

    async def both() -> tuple[Handouts, list[int]]:
        request = ClaimRequest(kind=ActivityKind.EXECUTE_TASK, executor="worker_session", limit=1)
        clearing = Clearing(dag_id="d", run_id="r")
        return await asyncio.gather(
            world.store.write(lambda tx: dispatches.claim(tx, [request])),
            world.store.write(lambda tx: runs.clear(tx, clearing, user="me")),
        )

    handouts, _ = world.run(both())
    assert world.states() == {"t": "none"}
    for handout in handouts:
        with pytest.raises(Refused):
            world.report(handout.dispatch_id, started())
    play(world)
    assert world.states() == {"t": "success"}


def test_a_try_that_is_due_again_does_not_survive_a_clear(world: World) -> None:
    world.declare(dag("d", task("t", retries=1, retry_delay_seconds=600), task("u")))
    world.trigger("d", run_id="r")
    world.schedule()
    failing = next(one for one in world.claim() if task_id_of(one) == "t")
    world.report(failing.dispatch_id, failed())
    clear(world, "t")
    world.schedule(seconds_from_now=601)
    assert (world.instance("t").state, world.instance("t").failures) == ("scheduled", 0)
    assert story(world, "t")[-2:] == ["clear", "ready"]


def test_two_processes_may_clear_and_report_at_once(
    postgres_url: str, open_store: OpenStore, world_of: WorldOf
) -> None:
    world, elsewhere = world_of(open_store(postgres_url)), open_store(postgres_url)
    binding = world.connect().binding
    handouts = world.hand_out(*(task(f"t{number}") for number in range(20)), worker=binding)

    async def report(handout: Handout) -> None:
        for body in (started(), succeeded(x=1)):
            with contextlib.suppress(Refused):
                await world.store.write_each(dispatches.record_reports, Report(handout.dispatch_id, body))

    async def clear_some() -> None:
        for number in range(20):
            clearing = Clearing(dag_id="d", run_id="r", tasks={f"t{number}": None})
            await elsewhere.write(functools.partial(runs.clear, clearing=clearing, user="me"))

    async def scene() -> None:
        await asyncio.gather(clear_some(), *map(report, handouts))

    world.run(scene())
    for row in (world.instance(f"t{number}") for number in range(20)):
        assert (row.state.value, row.stopping_dispatch_id) == ("none", None)
    play(world)
    assert world.run_row().state == "success"

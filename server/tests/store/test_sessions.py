"""Worker sessions: what a hello, a sign of life and a lost connection lead to."""

import pytest

from tradewind.server.contract import ActivityKind, ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import Transaction, dispatches, sessions
from tradewind.server.store.handouts import Renewed, WorkerBinding
from tradewind.server.store.identity import uuid7

from .world import World, later, started, succeeded, task


def renew(world: World, binding: WorkerBinding, *named: str, seconds: float = 0, epoch: int | None = None) -> Renewed:
    def job(tx: Transaction) -> Renewed:
        return sessions.renew(tx, binding.credential_id, binding.instance_id, named, epoch)

    return world.write(later(seconds, job))


def test_each_connection_of_an_instance_raises_the_epoch_and_fences_the_older_one(world: World) -> None:
    first = world.connect().binding
    second = world.connect(instance_id=first.instance_id.upper()).binding
    assert (first.connection_epoch, second.connection_epoch) == (1, 2)
    assert first.session_id == second.session_id
    world.read(lambda tx: sessions.check_connection(tx, second))
    with pytest.raises(Refused) as refused:
        world.read(lambda tx: sessions.check_connection(tx, first))
    assert refused.value.reason is ProblemReason.STALE_CONNECTION
    with pytest.raises(Refused) as stale:
        renew(world, first, epoch=first.connection_epoch)
    assert stale.value.reason is ProblemReason.STALE_CONNECTION
    world.write(lambda tx: sessions.mark_disconnected(tx, first))
    world.write(lambda tx: sessions.update_offer(tx, first, {"execute_task": 0}))
    (row,) = world.read(sessions.list_sessions)
    assert row.connected
    assert row.capacity["execute_task"] == 16


def test_two_instances_of_one_credential_are_sessions_of_their_own(world: World) -> None:
    old, new = world.connect().binding, world.connect().binding
    assert old.session_id != new.session_id
    world.read(lambda tx: sessions.check_connection(tx, old))
    handouts = world.hand_out(task("a"), task("b"), worker=old)
    world.connect(instance_id=new.instance_id)
    assert world.read(lambda tx: dispatches.ended_among(tx, [one.dispatch_id for one in handouts])) == []


def test_what_a_worker_has_not_heard_of_is_delivered_again_under_the_same_id(world: World) -> None:
    binding = world.connect().binding
    handout = world.hand_out_one(worker=binding)
    opened = world.connect(instance_id=binding.instance_id)
    assert [one.dispatch_id for one in opened.redeliver] == [handout.dispatch_id]
    assert opened.redeliver[0].activity == handout.activity
    assert opened.redeliver[0].worker == opened.binding
    assert (opened.lost, opened.ended, opened.live) == ([], [], {})


def test_what_a_worker_has_stays_with_it(world: World) -> None:
    binding = world.connect().binding
    running, queued, spooled = world.hand_out(task("a"), task("b"), task("c"), worker=binding)
    for handout in (running, spooled):
        world.report(handout.dispatch_id, started())
    opened = world.connect(
        instance_id=binding.instance_id,
        live=[running.dispatch_id.upper(), queued.dispatch_id],
        spooled=[spooled.dispatch_id],
    )
    assert (opened.redeliver, opened.lost, opened.ended) == ([], [], [])
    assert opened.live == dict.fromkeys([running.dispatch_id, queued.dispatch_id], ActivityKind.EXECUTE_TASK)
    assert world.states() == {"a": "running", "b": "queued", "c": "running"}


def test_what_a_worker_started_and_does_not_have_any_more_is_lost(world: World) -> None:
    binding = world.connect().binding
    handout = world.hand_out_one(worker=binding)
    world.report(handout.dispatch_id, started())
    opened = world.connect(instance_id=binding.instance_id)
    assert (opened.lost, opened.redeliver) == ([handout.dispatch_id], [])
    assert (world.states(), world.instance().lost) == ({"t": "scheduled"}, 1)


def test_what_is_not_live_any_more_is_to_be_killed(world: World) -> None:
    binding = world.connect().binding
    handout = world.hand_out_one(worker=binding)
    world.report(handout.dispatch_id, succeeded())
    unknown = uuid7()
    opened = world.connect(instance_id=binding.instance_id, live=[handout.dispatch_id], spooled=[unknown])
    assert opened.ended == [handout.dispatch_id, unknown]


def test_the_successor_delivers_the_spool_and_everything_else_of_a_former_life_is_lost(world: World) -> None:
    former = world.connect().binding
    spooled, running, queued = world.hand_out(task("a"), task("b"), task("c"), worker=former)
    for handout in (spooled, running):
        world.report(handout.dispatch_id, started())
    opened = world.connect(spooled=[spooled.dispatch_id], ended=[former.instance_id.upper(), uuid7()])
    assert sorted(opened.lost) == sorted([running.dispatch_id, queued.dispatch_id])
    assert (opened.ended, opened.redeliver) == ([], [])
    assert world.states() == {"a": "running", "b": "scheduled", "c": "scheduled"}
    bound = world.read(lambda tx: dispatches.live_dispatch(tx, spooled.dispatch_id))
    assert (bound.instance_id, bound.session_id) == (opened.binding.instance_id, opened.binding.session_id)
    assert [row.instance_id for row in world.read(sessions.list_sessions)] == [opened.binding.instance_id]
    world.report(spooled.dispatch_id, succeeded())
    assert world.states()["a"] == "success"


def test_a_former_life_cannot_be_declared_by_another_credential(world: World) -> None:
    former = world.connect("mine").binding
    handout = world.hand_out_one(worker=former)
    opened = world.connect("other", ended=[former.instance_id], spooled=[handout.dispatch_id])
    assert (opened.lost, opened.ended) == ([], [handout.dispatch_id])
    assert world.states() == {"t": "queued"}
    assert world.read(lambda tx: dispatches.live_dispatch(tx, handout.dispatch_id)).worker == "mine"


def test_an_instance_cannot_declare_itself_ended(world: World) -> None:
    instance = uuid7()
    with pytest.raises(Refused) as refused:
        world.connect(instance_id=instance, ended=[instance])
    assert refused.value.reason is ProblemReason.INVALID_VALUE
    assert world.read(sessions.list_sessions) == []


def test_a_sign_of_life_begins_the_lease_again_and_names_what_has_ended(world: World) -> None:
    binding = world.connect().binding
    handout = world.hand_out_one(worker=binding)
    (before,) = world.read(sessions.list_sessions)
    renewed = renew(world, binding, handout.dispatch_id.upper(), "gone", seconds=10, epoch=1)
    assert (renewed.ended, renewed.redeliver) == (["gone"], [])
    (after,) = world.read(sessions.list_sessions)
    assert (after.lease_until - before.lease_until).total_seconds() >= 10


def test_an_instance_that_is_not_known_has_nothing(world: World) -> None:
    binding = world.connect().binding
    handout = world.hand_out_one(worker=binding)

    def of_another(tx: Transaction) -> Renewed:
        return sessions.renew(tx, world_other.id, binding.instance_id, [handout.dispatch_id])

    world_other = world.worker("other")
    assert world.write(of_another).ended == [handout.dispatch_id]


def test_what_a_worker_has_forgotten_is_delivered_again_or_lost_after_a_lease(world: World) -> None:
    binding = world.connect().binding
    queued, running = world.hand_out(task("a"), task("b"), worker=binding)
    world.report(running.dispatch_id, started())
    early = renew(world, binding)
    assert (early.redeliver, world.states()) == ([], {"a": "queued", "b": "running"})
    late = renew(world, binding, seconds=16)
    assert [one.dispatch_id for one in late.redeliver] == [queued.dispatch_id]
    assert world.states() == {"a": "queued", "b": "scheduled"}


def test_a_worker_that_disconnects_with_nothing_in_hand_is_not_listed_any_more(world: World) -> None:
    busy, idle = world.connect("busy").binding, world.connect("idle").binding
    world.hand_out_one(worker=busy)
    for binding in (busy, idle):
        world.write(lambda tx, one=binding: sessions.mark_disconnected(tx, one))  # type: ignore[misc]
    (row,) = world.read(sessions.list_sessions)
    assert (row.worker, row.connected) == ("busy", False)


def test_an_offer_replaces_the_one_before(world: World) -> None:
    binding = world.connect().binding
    world.write(lambda tx: sessions.update_offer(tx, binding, {"execute_task": 3}))
    (row,) = world.read(sessions.list_sessions)
    assert (row.capacity, row.queues, row.hostname) == ({"execute_task": 3}, ["default"], "host")

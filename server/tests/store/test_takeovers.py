"""Deadlines: silence of a worker counts, silence of the server does not."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam as bind

from tradewind.server.store import Transaction, sessions
from tradewind.server.store.api_processes import Attendance
from tradewind.server.store.handouts import LossCause, Overdue, WorkerBinding
from tradewind.server.store.tables import worker_session

from .world import World, later, started, succeeded, task

LONG_AGO = timedelta(days=1)
LEASE, TAKEOVER, HANDOUT = 15, 300, 600


def overdue(
    world: World, *, seconds: float, floor: datetime | None = None, until: datetime | None = None
) -> list[Overdue]:
    def job(tx: Transaction) -> list[Overdue]:
        return sessions.overdue_dispatches(tx, Attendance(floor or tx.now - LONG_AGO, until or tx.now))

    return world.write(later(seconds, job))


def deadline(world: World, *, floor: datetime | None = None) -> datetime | None:
    return world.read(lambda tx: sessions.next_takeover(tx, floor or tx.now - LONG_AGO))


def lease_of(world: World, binding: WorkerBinding) -> datetime:
    rows = world.read(sessions.list_sessions)
    return next(row.lease_until for row in rows if row.session_id == binding.session_id)


def test_a_dispatch_is_overdue_when_its_worker_was_silent_for_lease_and_takeover(world: World) -> None:
    binding = world.connect().binding
    handout = world.hand_out_one(worker=binding)
    world.report(handout.dispatch_id, started())
    assert deadline(world) == lease_of(world, binding) + timedelta(seconds=TAKEOVER)
    assert overdue(world, seconds=LEASE + TAKEOVER - 5) == []
    assert overdue(world, seconds=LEASE + TAKEOVER + 5) == [
        Overdue(handout.dispatch_id, "worker_session", LossCause.WORKER_SILENT)
    ]


def test_a_task_may_say_how_long_its_worker_may_be_silent(world: World) -> None:
    binding = world.connect().binding
    short, _ = world.hand_out(task("a", takeover_after_seconds=1.0), task("b"), worker=binding)
    assert deadline(world) == lease_of(world, binding) + timedelta(seconds=1)
    assert [one.dispatch_id for one in overdue(world, seconds=LEASE + 5)] == [short.dispatch_id]


def test_a_sign_of_life_puts_the_deadline_off(world: World) -> None:
    binding = world.connect().binding
    handout = world.hand_out_one(worker=binding)

    def renew(tx: Transaction) -> None:
        sessions.renew(tx, binding.credential_id, binding.instance_id, [handout.dispatch_id])

    world.write(later(300, renew))
    assert overdue(world, seconds=LEASE + TAKEOVER + 5) == []
    assert overdue(world, seconds=300 + LEASE + TAKEOVER + 5) != []


def test_after_an_outage_leases_count_from_recovery(world: World) -> None:
    binding = world.connect().binding
    world.hand_out_one(worker=binding)
    recovered = lease_of(world, binding) + timedelta(seconds=1000)
    assert deadline(world, floor=recovered) == recovered + timedelta(seconds=LEASE + TAKEOVER)
    assert overdue(world, seconds=LEASE + 1000 + TAKEOVER, floor=recovered) == []
    assert overdue(world, seconds=LEASE + 1000 + LEASE + TAKEOVER + 5, floor=recovered) != []


def test_silence_that_nobody_was_there_to_hear_does_not_count(world: World) -> None:
    binding = world.connect().binding
    world.hand_out_one(worker=binding)
    due = lease_of(world, binding) + timedelta(seconds=TAKEOVER)
    assert overdue(world, seconds=10_000, until=due - timedelta(seconds=1)) == []
    assert overdue(world, seconds=10_000, until=due) != []


def test_a_broker_is_given_its_time_while_somebody_is_there_to_hear_it(world: World) -> None:
    due = world.hand_out_one().claimed_at + timedelta(seconds=HANDOUT)
    assert overdue(world, seconds=10_000, until=due - timedelta(seconds=1)) == []
    assert overdue(world, seconds=10_000, until=due) != []


def test_what_a_broker_has_and_nobody_starts_is_overdue_after_the_handout_timeout(world: World) -> None:
    handout = world.hand_out_one()
    assert deadline(world) == handout.claimed_at + timedelta(seconds=HANDOUT)
    recovered = handout.claimed_at + timedelta(seconds=100)
    assert deadline(world, floor=recovered) == recovered + timedelta(seconds=HANDOUT)
    assert overdue(world, seconds=HANDOUT - 5) == []
    assert overdue(world, seconds=HANDOUT + 5, floor=recovered) == []
    assert overdue(world, seconds=HANDOUT + 5) == [
        Overdue(handout.dispatch_id, "worker_session", LossCause.NOT_STARTED)
    ]


def test_nothing_is_due_while_nothing_is_handed_out(world: World) -> None:
    binding = world.connect().binding
    assert deadline(world) is None
    handout = world.hand_out_one(worker=binding)
    world.report(handout.dispatch_id, succeeded())
    assert deadline(world) is None
    assert overdue(world, seconds=10_000) == []


def test_a_closed_session_gets_no_work_even_if_nobody_has_seen_its_connection_end(world: World) -> None:
    binding = world.connect().binding
    assert overdue(world, seconds=LEASE + 5) == []
    assert world.hand_out(worker=binding) == []
    world.write(lambda tx: sessions.renew(tx, binding.credential_id, binding.instance_id, []))
    assert len(world.claim(binding)) == 1


def test_a_dispatch_is_overdue_even_if_its_session_was_closed_while_it_was_claimed(world: World) -> None:
    binding = world.connect().binding
    handout = world.hand_out_one(worker=binding)
    close = worker_session.update().where(worker_session.c.session_id == bind("of")).values(closed_at=bind("at"))
    world.write(lambda tx: tx.change(close, {"of": binding.session_id, "at": tx.now}))
    assert deadline(world) is not None
    assert [one.dispatch_id for one in overdue(world, seconds=LEASE + TAKEOVER + 5)] == [handout.dispatch_id]


def test_a_session_that_ran_out_with_nothing_in_hand_is_closed_and_opens_again_with_a_sign_of_life(
    world: World,
) -> None:
    binding = world.connect().binding
    overdue(world, seconds=LEASE + 5)
    assert world.read(sessions.list_sessions) == []
    world.write(lambda tx: sessions.renew(tx, binding.credential_id, binding.instance_id, []))
    assert len(world.read(sessions.list_sessions)) == 1

"""Stopped tries: their authority ends at once, and the next one waits until their process is known to be gone."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta

import pytest

from tradewind.server.contract import (
    ActivityInterrupted,
    InterruptCause,
    Outcome,
    OutcomeReceipt,
    ProblemReason,
    StartRequest,
)
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import Transaction, dispatches, runs, sessions, xcoms
from tradewind.server.store.api_processes import Attendance
from tradewind.server.store.handouts import Handout, Renewed, Report, StopCause, WorkerBinding
from tradewind.server.store.identity import uuid7
from tradewind.server.store.runs import Clearing

from .world import World, failed, interrupted, later, started, succeeded, task

LEASE, TAKEOVER = 15, 300


def clear(world: World, run_id: str = "r") -> list[int]:
    return world.write(lambda tx: runs.clear(tx, Clearing(dag_id="d", run_id=run_id), user="me"))


def stopped(world: World, *, has_started: bool = True) -> tuple[WorkerBinding, Handout]:
    """A try at a worker that was stopped; its task instance is scheduled again."""
    binding = world.connect().binding
    handout = world.hand_out_one(worker=binding)
    if has_started:
        world.report(handout.dispatch_id, started())
    clear(world)
    world.schedule()
    return binding, handout


def cancelled() -> ActivityInterrupted:
    return interrupted(InterruptCause.CANCELLED)


def fence(world: World) -> str | None:
    return world.instance().stopping_dispatch_id


def claimed(world: World) -> list[str]:
    return [handout.dispatch_id for handout in world.claim()]


def refusal(world: World, dispatch_id: str, outcome: Outcome) -> ProblemReason:
    with pytest.raises(Refused) as refused:
        world.write(lambda tx: dispatches.finish(tx, dispatch_id, outcome))
    return refused.value.reason


@pytest.mark.parametrize("has_started", [False, True])
def test_a_stopped_try_may_do_nothing_any_more(world: World, has_started: bool) -> None:
    _, handout = stopped(world, has_started=has_started)
    row = world.instance()
    assert (row.state.value, row.dispatch_id, row.stopping_dispatch_id) == ("scheduled", None, handout.dispatch_id)
    (last,) = world.read(lambda tx: runs.list_tries(tx, row.pk))
    assert last.state == "stopped"
    assert last.error is not None
    assert "user:me" in last.error["message"]
    for job in (
        lambda tx: dispatches.live_dispatch(tx, handout.dispatch_id),
        lambda tx: dispatches.report_started(tx, handout.dispatch_id, started()),
        lambda tx: xcoms.set_xcom(tx, handout.dispatch_id, "k", 1, uuid7()),
    ):
        with pytest.raises(Refused) as refused:
            world.write(job)
        assert refused.value.reason is ProblemReason.DISPATCH_ENDED
    assert world.read(lambda tx: dispatches.ended_among(tx, [handout.dispatch_id])) == [handout.dispatch_id]


def test_the_next_try_waits_until_the_worker_says_that_the_old_one_is_gone(world: World) -> None:
    _, handout = stopped(world)
    assert claimed(world) == []
    receipt = world.report(handout.dispatch_id, cancelled())
    assert receipt is not None
    assert (fence(world), world.states()) == (None, {"t": "scheduled"})
    (again,) = world.claim()
    assert again.dispatch_id != handout.dispatch_id
    assert world.instance().try_number == 2


@pytest.mark.parametrize(
    "outcome",
    [succeeded(rows=7), failed(), interrupted(), cancelled()],
    ids=["success", "failed", "interrupted", "cancelled"],
)
def test_any_outcome_of_a_stopped_try_says_that_it_is_gone_and_nothing_else(world: World, outcome: Outcome) -> None:
    _, handout = stopped(world)
    receipt = world.report(handout.dispatch_id, outcome)
    row = world.instance()
    assert (row.state.value, row.failures, row.lost, row.stopping_dispatch_id) == ("scheduled", 0, 0, None)
    assert world.read(lambda tx: xcoms.list_xcoms(tx, row.pk)) == []
    assert world.report(handout.dispatch_id, outcome) == receipt
    assert refusal(world, handout.dispatch_id, failed("another one")) is ProblemReason.DISPATCH_ENDED
    (last,) = world.read(lambda tx: runs.list_tries(tx, row.pk))
    assert last.state == "stopped"


def test_a_confirmation_wakes_whoever_claims(world: World) -> None:
    _, handout = stopped(world)

    async def scene() -> bool:
        ready = world.store.hints.subscribe("ready")
        await world.store.write_each(dispatches.record_reports, Report(handout.dispatch_id, cancelled()))
        return await ready.wait(10)

    assert world.run(scene())


def test_stopping_wakes_whoever_tells_the_worker(world: World) -> None:
    world.hand_out_one(worker=world.connect().binding)

    async def scene() -> bool:
        ended = world.store.hints.subscribe("ended")
        await world.store.write(lambda tx: runs.clear(tx, Clearing(dag_id="d", run_id="r"), user="me"))
        return await ended.wait(10)

    assert world.run(scene())


def test_several_outcomes_at_once_may_confirm_and_end(world: World) -> None:
    binding = world.connect().binding
    one, other = world.hand_out(task("a"), task("b"), worker=binding)
    clearing = Clearing(dag_id="d", run_id="r", tasks={"a": None})
    world.write(lambda tx: runs.clear(tx, clearing, user="me"))
    reports = [Report(one.dispatch_id, cancelled()), Report(other.dispatch_id, succeeded())]
    answers: Sequence[object] = world.write(lambda tx: dispatches.record_reports(tx, reports))
    assert all(isinstance(answer, OutcomeReceipt) for answer in answers)
    assert world.states() == {"a": "none", "b": "success"}
    assert world.instance("a").stopping_dispatch_id is None


def test_a_try_that_was_not_handed_out_is_not_there_to_be_stopped(world: World) -> None:
    world.hand_out(task("a"), task("b", "a"))
    pk = world.instance("b").pk

    def stop(tx: Transaction) -> bool:
        return dispatches.stop_live_try(tx, pk, cause=StopCause.CLEARED, actor="me")

    assert not world.write(stop)
    assert not world.write(lambda tx: dispatches.stop_live_tries(tx, [], cause=StopCause.CLEARED, actor="me"))


# Brokers.

TICKET = "t" * 43
INSTANCE = uuid7()


def start_request(ticket: str, nonce: str = "n" * 32) -> StartRequest:
    return StartRequest(
        ticket=ticket,
        nonce=nonce,
        instance_id=INSTANCE,
        hostname="host",
        pid=1,
        sdk_version="1.0",
        language="python",
    )


def handed_to_broker(world: World) -> Handout:
    """A try whose envelope is on its way with a ticket."""
    handout = world.hand_out_one()
    ticket = hashlib.sha256(TICKET.encode()).hexdigest()
    world.write(lambda tx: dispatches.set_tickets(tx, {handout.dispatch_id: ticket}))
    return handout


def test_what_a_broker_has_and_nobody_started_is_gone_at_once(world: World) -> None:
    handout = handed_to_broker(world)
    clear(world)
    world.schedule()
    assert fence(world) is None
    worker = world.worker()
    refused = world.write(lambda tx: dispatches.start_by_ticket(tx, handout.dispatch_id, start_request(TICKET), worker))
    assert isinstance(refused, Refused)
    assert refused.reason is ProblemReason.DISPATCH_ENDED
    assert len(claimed(world)) == 1


@pytest.mark.parametrize(("nonce", "gone"), [("n" * 32, True), ("m" * 32, False)])
def test_a_client_that_still_asks_to_start_has_no_process(world: World, nonce: str, gone: bool) -> None:
    handout = handed_to_broker(world)
    worker = world.worker()
    world.write(lambda tx: dispatches.start_by_ticket(tx, handout.dispatch_id, start_request(TICKET), worker))
    clear(world)
    assert fence(world) == handout.dispatch_id
    again = start_request(TICKET, nonce)
    refused = world.write(lambda tx: dispatches.start_by_ticket(tx, handout.dispatch_id, again, worker))
    assert isinstance(refused, Refused)
    assert refused.reason is ProblemReason.DISPATCH_ENDED
    assert (fence(world) is None) is gone
    assert (world.read(sessions.list_sessions) == []) is gone


# What else shows that a process is gone.


def renew(world: World, binding: WorkerBinding, *named: str, seconds: float = 0) -> Renewed:
    def job(tx: Transaction) -> Renewed:
        return sessions.renew(tx, binding.credential_id, binding.instance_id, named, None)

    return world.write(later(seconds, job))


def test_a_worker_that_returns_without_the_try_has_no_process_of_it(world: World) -> None:
    binding, _ = stopped(world)
    opened = world.connect(instance_id=binding.instance_id)
    assert (opened.lost, opened.redeliver, opened.ended) == ([], [], [])
    assert fence(world) is None
    assert len(claimed(world)) == 1


@pytest.mark.parametrize("as_spooled", [False, True])
def test_a_worker_that_returns_with_the_try_is_told_to_end_it(world: World, as_spooled: bool) -> None:
    binding, handout = stopped(world)
    has = [handout.dispatch_id]
    opened = world.connect(
        instance_id=binding.instance_id, live=[] if as_spooled else has, spooled=has if as_spooled else []
    )
    assert opened.ended == [handout.dispatch_id]
    assert fence(world) == handout.dispatch_id
    assert claimed(world) == []
    assert renew(world, binding, handout.dispatch_id, seconds=100).ended == [handout.dispatch_id]
    assert fence(world) == handout.dispatch_id


@pytest.mark.parametrize("as_spooled", [False, True])
def test_the_process_of_a_former_life_is_gone(world: World, as_spooled: bool) -> None:
    binding, handout = stopped(world)
    world.connect(ended=[binding.instance_id], spooled=[handout.dispatch_id] if as_spooled else [])
    assert fence(world) is None
    assert refusal(world, handout.dispatch_id, cancelled()) is ProblemReason.DISPATCH_ENDED


def test_another_worker_cannot_say_that_a_process_is_gone(world: World) -> None:
    binding, handout = stopped(world)
    world.connect("other", ended=[binding.instance_id], instance_id=uuid7())
    assert fence(world) == handout.dispatch_id


def test_a_sign_of_life_without_the_try_counts_a_lease_after_the_stop(world: World) -> None:
    binding, handout = stopped(world)
    renew(world, binding, seconds=LEASE - 5)
    assert fence(world) == handout.dispatch_id
    renewed = renew(world, binding, seconds=LEASE + 5)
    assert (renewed.ended, renewed.redeliver) == ([], [])
    assert fence(world) is None


def test_the_first_sign_of_life_after_a_silence_does_not_say_that_a_try_is_gone(world: World) -> None:
    # What was sent in between, the try itself even, may lie unread in front of the worker.
    binding, handout = stopped(world)
    renew(world, binding, seconds=2 * LEASE)
    assert fence(world) == handout.dispatch_id
    renew(world, binding, seconds=2 * LEASE + 5)
    assert fence(world) is None


@pytest.mark.parametrize("disconnected", [False, True])
def test_a_lost_confirmation_is_made_up_for_by_the_takeover(world: World, disconnected: bool) -> None:
    binding, handout = stopped(world)
    if disconnected:
        world.write(lambda tx: sessions.mark_disconnected(tx, binding))

    def overdue(tx: Transaction) -> list[str]:
        found = sessions.overdue_dispatches(tx, Attendance(tx.now - timedelta(days=1), tx.now))
        for one in found:
            dispatches.lose(tx, [one.dispatch_id], one.cause)
        return [one.dispatch_id for one in found]

    assert world.write(later(LEASE + TAKEOVER - 5, overdue)) == []
    assert fence(world) == handout.dispatch_id
    moment = world.read(lambda tx: sessions.next_takeover(tx, tx.now - timedelta(days=1)))
    assert moment is not None
    assert world.write(later(LEASE + TAKEOVER + 5, overdue)) == [handout.dispatch_id]
    row = world.instance()
    assert (row.state.value, row.stopping_dispatch_id, row.lost, row.failures) == ("scheduled", None, 0, 0)
    assert len(claimed(world)) == 1
    assert refusal(world, handout.dispatch_id, cancelled()) is ProblemReason.DISPATCH_ENDED

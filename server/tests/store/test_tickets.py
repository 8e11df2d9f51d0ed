"""The ticket path: one exchange, repeatable by the same client alone."""

import base64
import hashlib
import secrets

import pytest

from tradewind.server.contract import ProblemReason, StartRequest
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import audit, dispatches, runs, sessions
from tradewind.server.store.handouts import Handout, LossCause
from tradewind.server.store.identity import uuid7

from .world import EXECUTOR, World, started, succeeded


def new_ticket() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


def give_ticket(world: World, handout: Handout) -> str:
    ticket = new_ticket()
    hashed = hashlib.sha256(ticket.encode()).hexdigest()
    world.write(lambda tx: dispatches.set_tickets(tx, {handout.dispatch_id: hashed}))
    return ticket


def request(ticket: str, *, nonce: str = "n" * 16, instance_id: str | None = None) -> StartRequest:
    return StartRequest(
        ticket=ticket,
        nonce=nonce,
        instance_id=instance_id or uuid7(),
        hostname="host",
        pid=7,
        sdk_version="1",
        language="go",
    )


def start(world: World, handout: Handout, asked: StartRequest, worker: str = "worker") -> Handout | Refused:
    credential = world.worker(worker)
    return world.write(lambda tx: dispatches.start_by_ticket(tx, handout.dispatch_id, asked, credential))


def reason_of(world: World, handout: Handout, asked: StartRequest, worker: str = "worker") -> ProblemReason:
    try:
        answer = start(world, handout, asked, worker)
    except Refused as refused:
        answer = refused
    assert isinstance(answer, Refused)
    return answer.reason


def test_a_ticket_is_exchanged_for_its_activity_and_binds_it(world: World) -> None:
    handout = world.hand_out_one()
    asked = request(give_ticket(world, handout), instance_id=uuid7().upper())
    given = start(world, handout, asked)
    assert isinstance(given, Handout)
    assert given.activity == handout.activity
    assert given.worker is not None
    assert given.worker.instance_id == asked.instance_id.lower()
    found = world.read(lambda tx: dispatches.live_dispatch(tx, handout.dispatch_id))
    assert (found.credential_id, found.worker) == (world.worker().id, "worker")
    assert world.instance().worker == "worker"
    assert world.read(lambda tx: dispatches.undelivered(tx, EXECUTOR)) == []


def test_the_same_nonce_gets_the_same_answer_again(world: World) -> None:
    handout = world.hand_out_one()
    asked = request(give_ticket(world, handout))
    first = start(world, handout, asked)
    assert start(world, handout, asked) == first
    world.report(handout.dispatch_id, started())
    assert start(world, handout, asked) == first


def test_another_nonce_or_another_worker_is_refused_and_audited(world: World) -> None:
    handout = world.hand_out_one()
    asked = request(give_ticket(world, handout))
    start(world, handout, asked)
    before = world.instance()
    assert reason_of(world, handout, asked.model_copy(update={"nonce": "o" * 16})) is ProblemReason.SPENT_TICKET
    assert reason_of(world, handout, asked, "other") is ProblemReason.SPENT_TICKET
    assert world.instance() == before
    trail = world.read(audit.list_audit)
    assert [(row.action, row.actor, row.subject) for row in trail.items] == [
        ("spent_ticket", "worker:other", handout.dispatch_id),
        ("spent_ticket", "worker:worker", handout.dispatch_id),
    ]


def test_a_wrong_ticket_is_refused_and_so_is_one_that_a_newer_replaced(world: World) -> None:
    handout = world.hand_out_one()
    assert reason_of(world, handout, request(new_ticket())) is ProblemReason.INVALID_TICKET
    first = give_ticket(world, handout)
    second = give_ticket(world, handout)
    assert reason_of(world, handout, request(first)) is ProblemReason.INVALID_TICKET
    assert isinstance(start(world, handout, request(second)), Handout)


def test_a_spent_ticket_is_not_replaced(world: World) -> None:
    handout = world.hand_out_one()
    asked = request(give_ticket(world, handout))
    start(world, handout, asked)
    give_ticket(world, handout)
    assert isinstance(start(world, handout, asked), Handout)


def test_an_ended_or_unknown_dispatch_cannot_be_started(world: World) -> None:
    handout = world.hand_out_one()
    asked = request(give_ticket(world, handout))
    world.write(lambda tx: dispatches.lose(tx, [handout.dispatch_id], LossCause.NOT_STARTED))
    assert reason_of(world, handout, asked) is ProblemReason.DISPATCH_ENDED
    with pytest.raises(Refused) as refused:
        world.read(lambda tx: dispatches.handout(tx, uuid7()))
    assert refused.value.reason is ProblemReason.UNKNOWN_DISPATCH


def test_a_one_shot_has_a_lease_that_ends_with_its_activity(world: World) -> None:
    handout = world.hand_out_one()
    asked = request(give_ticket(world, handout))
    start(world, handout, asked)
    (session,) = world.read(sessions.list_sessions)
    assert (session.instance_id, session.connected, session.connection_epoch) == (asked.instance_id, False, 0)
    assert session.lease_until > handout.claimed_at
    world.report(handout.dispatch_id, started())
    world.report(handout.dispatch_id, succeeded())
    assert world.read(sessions.list_sessions) == []
    assert world.read(lambda tx: runs.list_tries(tx, 1))[0].worker == "worker"


def test_a_started_dispatch_is_not_handed_back(world: World) -> None:
    handout = world.hand_out_one()
    start(world, handout, request(give_ticket(world, handout)))
    assert world.write(lambda tx: dispatches.hand_back(tx, [handout.dispatch_id])) == []
    assert world.states() == {"t": "queued"}

import asyncio
import hashlib
from typing import Literal
from uuid import uuid4

import pytest

from tradewind.server.contract import (
    VERSION,
    ActivityKind,
    Envelope,
    Grants,
    ProblemReason,
    StartRequest,
    TaskInstanceState,
    Variable,
    encode,
)
from tradewind.server.domain.refusals import Refused
from tradewind.server.executors.protocol import Context, ExecutorHost, NotAccepted, Observation, Offer
from tradewind.server.store import Transaction, credentials, dispatches, secrets
from tradewind.server.store.handouts import Handout

from .conftest import QUEUED, SCHEDULED, World, play, serialized


class Broker:
    """A broker that keeps its envelopes until the test takes them."""

    name = "slurm"
    delivers: Literal["ticket"] = "ticket"

    def __init__(self, *, places: int = 2, accepts: int = 100) -> None:
        self.places = places
        self.accepts = accepts
        self.envelopes: asyncio.Queue[Envelope] = asyncio.Queue()
        self.cancelled: asyncio.Queue[str] = asyncio.Queue()
        self.held: set[str] = set()
        self.host: ExecutorHost | None = None

    def attach(self, host: ExecutorHost) -> None:
        self.host = host

    async def queue_activity(self, *, kind: ActivityKind, context: Context) -> None:
        assert isinstance(context, Envelope)
        if self.accepts <= 0:
            raise NotAccepted("the queue is closed")
        self.accepts -= 1
        self.held.add(context.dispatch_id)
        self.envelopes.put_nowait(context)

    async def cancel(self, dispatch_id: str, message: str) -> None:
        self.cancelled.put_nowait(dispatch_id)
        self.held.discard(dispatch_id)

    def capacity(self) -> list[Offer]:
        return [Offer("slurm", None, kind, None, self.places - len(self.held)) for kind in ActivityKind]

    def known(self) -> set[str]:
        return set(self.held)

    def holds(self, dispatch_id: str) -> bool:
        return dispatch_id in self.held

    async def close(self) -> None:
        return

    def observe(self, dispatch_id: str, observation: Observation) -> None:
        assert self.host is not None
        self.held.discard(dispatch_id)
        self.host.observed(dispatch_id, observation)
        self.host.capacity_changed()


def start_request(ticket: str) -> StartRequest:
    return StartRequest(
        ticket=ticket,
        nonce="n" * 16,
        instance_id=str(uuid4()),
        hostname="node",
        pid=7,
        sdk_version="1",
        language="python",
    )


async def start(world: World, envelope: Envelope) -> Handout:
    def job(tx: Transaction) -> Handout | Refused:
        credential = credentials.ensure_credential(tx, "w", "worker", credentials.hash_token("tw_test"))
        return dispatches.start_by_ticket(tx, envelope.dispatch_id, start_request(envelope.ticket), credential)

    started = await world.store.write(job)
    if isinstance(started, Refused):
        raise started
    return started


def test_an_envelope_opens_its_activity_and_holds_no_secret(world: World) -> None:
    async def scene() -> None:
        await world.store.write(lambda tx: secrets.put_variable(tx, Variable(key="colour", value="hush")))
        grants = Grants(connections=[], variables=["colour"])
        await world.declare("d", [serialized("a", executor="slurm", grants=grants)])
        broker = Broker()
        async with world.dispatcher(broker) as dispatcher:
            await world.make_ready("d")
            envelope = await broker.envelopes.get()
            assert b"hush" not in encode(envelope)
            assert (envelope.contract, envelope.api_url) == (VERSION, world.settings.public_url)
            assert envelope.kind is ActivityKind.EXECUTE_TASK
            handout = await start(world, envelope)
            delivery = await world.store.write(lambda tx: dispatcher.build_delivery(tx, handout))
        assert delivery.dispatch_id == envelope.dispatch_id
        assert delivery.secrets.variables == [Variable(key="colour", value="hush")]

    play(scene())


def test_only_the_hash_of_a_ticket_is_kept(sqlite_world: World) -> None:
    async def scene() -> None:
        await sqlite_world.declare("d", [serialized("a", executor="slurm")])
        broker = Broker()
        async with sqlite_world.dispatcher(broker):
            await sqlite_world.make_ready("d")
            envelope = await broker.envelopes.get()
        stored = b"".join(path.read_bytes() for path in sqlite_world.settings.home.glob("tradewind.db*"))
        assert envelope.ticket.encode() not in stored
        assert hashlib.sha256(envelope.ticket.encode()).hexdigest().encode() in stored

    play(scene())


def test_what_nobody_started_is_delivered_again_after_a_restart_with_another_ticket(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a", executor="slurm")])
        first, second = Broker(), Broker()
        async with world.dispatcher(first):
            await world.make_ready("d")
            old = await first.envelopes.get()
        async with world.dispatcher(second):
            new = await second.envelopes.get()
        assert new.dispatch_id == old.dispatch_id
        with pytest.raises(Refused) as caught:
            await start(world, old)
        assert caught.value.reason is ProblemReason.INVALID_TICKET
        await start(world, new)

    play(scene())


def test_a_broker_that_failed_before_a_start_loses_the_dispatch(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a", executor="slurm")])
        broker = Broker()
        async with world.dispatcher(broker):
            await world.make_ready("d")
            for _ in range(world.settings.scheduler.max_lost_tries + 1):
                envelope = await broker.envelopes.get()
                broker.observe(envelope.dispatch_id, Observation("exited", "ssh ended with exit code 255", 255))
            failed = await world.until_instance("d", "a", lambda row: row.state is TaskInstanceState.FAILED)
        assert failed.error is not None
        assert "ssh ended with exit code 255" in str(failed.error)

    play(scene())


@pytest.mark.parametrize("started", [True, False], ids=["after the start", "with exit code 0"])
def test_the_end_of_a_command_proves_nothing(world: World, started: bool) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a", executor="slurm"), serialized("b", executor="slurm")])
        broker = Broker(places=1)
        async with world.dispatcher(broker):
            await world.make_ready("d")
            envelope = await broker.envelopes.get()
            if started:
                await start(world, envelope)
            code = 1 if started else 0
            broker.observe(envelope.dispatch_id, Observation("exited", "sbatch ended", code))
            # Observations are judged in their order: when the second is seen to count, the first has not.
            other = await broker.envelopes.get()
            broker.observe(other.dispatch_id, Observation("exited", "ssh ended with exit code 255", 255))
            rows = [
                await world.until_instance("d", name, lambda row: row.dispatch_id != other.dispatch_id) for name in "ab"
            ]
        assert {row.lost for row in rows if row.dispatch_id == envelope.dispatch_id} == {0}
        assert {row.state for row in rows if row.dispatch_id == envelope.dispatch_id} == {QUEUED}

    play(scene())


def test_what_a_broker_does_not_accept_returns_to_the_line(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a", executor="slurm"), serialized("b", executor="slurm")])
        broker = Broker(accepts=1)
        async with world.dispatcher(broker):
            await world.make_ready("d")
            envelope = await broker.envelopes.get()
            names = {(await world.instance("d", name)).dispatch_id: name for name in ("a", "b")}
            accepted = names.pop(envelope.dispatch_id)
            (other,) = {"a", "b"} - {accepted}
            row = await world.until_instance("d", other, lambda instance: instance.state is SCHEDULED)
            assert (row.lost, row.failures) == (0, 0)

    play(scene())


def test_kinds_share_the_places_of_a_broker(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a", executor="slurm"), serialized("b", executor="slurm")])
        await world.make_ready("d")
        await world.ask_for_parse("c.py", executor="slurm")
        broker = Broker(places=2)
        async with world.dispatcher(broker):
            kinds = [(await broker.envelopes.get()).kind for _ in range(2)]
            assert kinds == [ActivityKind.PARSE_DAG_FILE, ActivityKind.EXECUTE_TASK]
            assert broker.envelopes.empty()

    play(scene())


def test_a_dispatch_that_ended_elsewhere_is_cancelled_at_the_broker(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a", executor="slurm")])
        broker = Broker()
        async with world.dispatcher(broker):
            await world.make_ready("d")
            first = await broker.envelopes.get()
            lost = dispatches.LossCause.NOT_STARTED
            await world.store.write(lambda tx: dispatches.lose(tx, [first.dispatch_id], lost))
            assert await broker.cancelled.get() == first.dispatch_id

    play(scene())

"""An activity that cannot be sent to anybody fails by itself; everything else goes on."""

import asyncio
import json
import logging

from cryptography.fernet import Fernet
from sqlalchemy import text

from tradewind.server.contract import ActivityKind, ExecuteTask, Grants, TaskInstanceState, Variable
from tradewind.server.executors.protocol import Context
from tradewind.server.executors.worker_session import WorkerSessionExecutor
from tradewind.server.secrets import Cipher
from tradewind.server.store import runs, secrets
from tradewind.server.store.rows import TryRow

from .conftest import World, play, serialized
from .test_brokers import Broker

FAILED = TaskInstanceState.FAILED
HALF_A_PAIR = "\ud800"


async def spoil_conf(world: World, dag_id: str) -> None:
    """Store a conf that an earlier version took and no frame can hold."""
    values = {"dag_id": dag_id, "conf": json.dumps({"name": HALF_A_PAIR})}
    statement = text("UPDATE dag_run SET conf = :conf WHERE dag_id = :dag_id")
    await world.store.write(lambda tx: tx.change(statement, values))


async def seal_with_a_lost_key(world: World, key: str) -> None:
    lost = Cipher([Fernet.generate_key().decode()], origin="lost").encrypt("value")
    statement = text("UPDATE variable SET value_encrypted = :sealed WHERE key = :key")
    await world.store.write(lambda tx: tx.change(statement, {"sealed": lost, "key": key}))


async def first_try(world: World, dag_id: str, task_id: str) -> TryRow:
    instance = await world.instance(dag_id, task_id)
    return (await world.store.read(lambda tx: runs.list_tries(tx, instance.pk)))[0]


def test_a_try_that_no_frame_can_hold_fails_and_the_others_are_delivered(world: World) -> None:
    async def scene() -> None:
        for dag_id in ("bad", "good"):
            await world.declare(dag_id, [serialized("t")])
            await world.make_ready(dag_id)
        await spoil_conf(world, "bad")
        async with world.dispatcher():
            worker = await world.connect()
            (delivery,) = await worker.delivered()
            assert isinstance(delivery.activity, ExecuteTask)
            assert delivery.activity.task_try.dag_id == "good"
            instance = await world.until_instance("bad", "t", lambda row: row.state is FAILED)
            assert (instance.failures, instance.lost) == (1, 0)
            tried = await first_try(world, "bad", "t")
            assert tried.state == "failed"
            assert tried.error is not None
            assert tried.error["type"] == "TryUndeliverable"
            assert "the conf of its run cannot be written as JSON" in tried.error["message"]
            assert "trigger another run" in tried.error["message"]
            await world.declare("later", [serialized("t")])
            await world.make_ready("later")
            assert len(await worker.delivered(2)) == 2

    play(scene())


def test_a_place_that_an_undeliverable_try_took_is_free_again(world: World) -> None:
    async def scene() -> None:
        await world.declare("bad", [serialized("t")])
        await world.declare("good", [serialized("t")])
        await world.make_ready("bad")
        await spoil_conf(world, "bad")
        async with world.dispatcher():
            worker = await world.connect(capacity={"execute_task": 1})
            await world.until_instance("bad", "t", lambda row: row.state is FAILED)
            await world.make_ready("good")
            await worker.delivered()

    play(scene())


def test_a_try_whose_declared_secret_no_key_opens_fails_and_says_so(world: World) -> None:
    async def scene() -> None:
        await world.store.write(lambda tx: secrets.put_variable(tx, Variable(key="sealed", value="")))
        await seal_with_a_lost_key(world, "sealed")
        grants = Grants(connections=[], variables=["sealed"])
        await world.declare("d", [serialized("bad", grants=grants), serialized("good")])
        worker = await world.connect()
        async with world.dispatcher():
            await world.make_ready("d")
            await world.until_instance("d", "bad", lambda row: row.state is FAILED)
            (delivery,) = await worker.delivered()
        assert isinstance(delivery.activity, ExecuteTask)
        assert delivery.activity.task_try.task_id == "good"
        tried = await first_try(world, "d", "bad")
        assert tried.error is not None
        assert "restore the key file" in tried.error["message"]

    play(scene())


def test_a_try_that_a_ticket_could_not_be_exchanged_for_never_reaches_its_broker(world: World) -> None:
    async def scene() -> None:
        broker = Broker()
        for dag_id in ("bad", "good"):
            await world.declare(dag_id, [serialized("t", executor="slurm")])
            await world.make_ready(dag_id)
        await spoil_conf(world, "bad")
        async with world.dispatcher(broker):
            envelope = await broker.envelopes.get()
            await world.until_instance("bad", "t", lambda row: row.state is FAILED)
        assert envelope.dispatch_id == (await world.instance("good", "t")).dispatch_id
        assert broker.envelopes.empty()

    play(scene())


def test_a_worker_that_returns_to_an_undeliverable_try_may_connect(world: World) -> None:
    async def scene() -> None:
        await world.declare("bad", [serialized("t")])
        worker = await world.connect()
        worker.closed = True
        async with world.dispatcher() as dispatcher:
            await world.make_ready("bad")
            await worker.until(lambda: worker.refused > 0)
            await spoil_conf(world, "bad")
            again = await world.connect()
            await dispatcher.deliver_again(again.redeliver)
            assert (await world.instance("bad", "t")).state is FAILED
            assert again.deliveries == []

    play(scene())


class Faulty(WorkerSessionExecutor):
    """An executor with a fault of its own for the first activity."""

    def __init__(self) -> None:
        super().__init__()
        self.failed = False

    async def queue_activity(self, *, kind: ActivityKind, context: Context) -> None:
        if not self.failed:
            self.failed = True
            raise RuntimeError("out of order")
        await super().queue_activity(kind=kind, context=context)


def test_an_executor_that_fails_costs_the_activity_and_not_the_dispatcher(world: World) -> None:
    async def scene() -> None:
        world.executor = Faulty()
        await world.declare("d", [serialized("a"), serialized("b")])
        worker = await world.connect()
        async with world.dispatcher(world.executor):
            await world.make_ready("d")
            await worker.delivered()
            await world.until_instance("d", "a", lambda row: row.state is FAILED)
        tried = await first_try(world, "d", "a")
        assert tried.error is not None
        assert "RuntimeError: out of order" in tried.error["message"]

    play(scene())


class Heard(logging.Handler):
    """Lets a test wait for a message of the dispatcher."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words
        self._loop = asyncio.get_running_loop()
        self.event = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self._words in record.getMessage():
            self._loop.call_soon_threadsafe(self.event.set)


def test_a_claim_that_fails_does_not_end_the_dispatcher(world: World) -> None:
    async def isolate(how: str) -> None:
        statement = text("UPDATE task_instance SET isolation = :how")
        await world.store.write(lambda tx: tx.change(statement, {"how": how}))

    async def scene() -> None:
        await world.declare("d", [serialized("a")])
        worker = await world.connect()
        await world.make_ready("d")
        await isolate("nonsense")
        heard = Heard("leaves out a step")
        logger = logging.getLogger("tradewind.server.dispatcher.dispatcher")
        logger.addHandler(heard)
        try:
            async with world.dispatcher() as dispatcher:
                await heard.event.wait()
                await isolate("fork")
                dispatcher.wake()
                await worker.delivered()
        finally:
            logger.removeHandler(heard)

    play(scene())

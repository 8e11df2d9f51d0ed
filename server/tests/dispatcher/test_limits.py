"""What a limit holds back goes out by hints alone, as soon as the limit has room."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from tradewind.server.contract import TaskSucceeded
from tradewind.server.settings import Settings
from tradewind.server.store import Store, dags, dispatches, pools

from .conftest import SCHEDULED, Worker, World, play, serialized


def end() -> TaskSucceeded:
    return TaskSucceeded(ended_at=datetime.now(UTC), started_at=datetime.now(UTC), xcoms=[])


async def one_slot(world: World) -> None:
    await world.store.write(lambda tx: pools.create_pool(tx, "p", 1))
    await world.declare("d", [serialized("a").model_copy(update={"pool": "p"})])
    second = serialized("b").model_copy(update={"pool": "p"})
    await world.declare("e", [second])


def test_the_end_of_one_lets_the_next_go(world: World) -> None:
    async def scene() -> None:
        await one_slot(world)
        worker = await world.connect(capacity={"execute_task": 4})
        async with world.dispatcher():
            await world.make_ready("d")
            (first,) = await worker.delivered()
            await world.make_ready("e")
            await world.until_instance("e", "b", lambda row: row.state is SCHEDULED)
            await world.store.write(lambda tx: dispatches.finish(tx, first.dispatch_id, end()))
            await worker.delivered(2)

    play(scene())


def test_more_slots_let_the_next_go(world: World) -> None:
    async def scene() -> None:
        await one_slot(world)
        worker = await world.connect(capacity={"execute_task": 4})
        async with world.dispatcher():
            await world.make_ready("d")
            await worker.delivered()
            await world.make_ready("e")
            await world.store.write(lambda tx: pools.update_pool(tx, "p", {"slots": 2}))
            await worker.delivered(2)

    play(scene())


def test_a_pool_that_is_made_lets_go_what_named_it(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a").model_copy(update={"pool": "p"})])
        worker = await world.connect()
        async with world.dispatcher():
            await world.make_ready("d")
            await world.store.write(lambda tx: pools.create_pool(tx, "p", 1))
            await worker.delivered()

    play(scene())


def test_a_dag_that_goes_on_lets_go_what_was_scheduled(world: World) -> None:
    async def scene() -> None:
        await world.declare("d", [serialized("a")])
        worker = await world.connect()
        async with world.dispatcher():
            await world.store.write(lambda tx: dags.set_paused(tx, "d", True))
            await world.make_ready("d")
            assert (await world.instance("d", "a")).state is SCHEDULED
            await world.store.write(lambda tx: dags.set_paused(tx, "d", False))
            await worker.delivered()

    play(scene())


def test_two_processes_hand_out_everything_between_them(
    postgres_url: str, open_store: Callable[..., Store], settings: Settings
) -> None:
    """Whoever meets the other at a claim asks again by itself: there is no poll that would help."""

    async def scene() -> None:
        worlds = [World(open_store(postgres_url), settings) for _ in range(2)]
        await worlds[0].store.write(lambda tx: pools.create_pool(tx, "p", 3))
        tasks = [serialized(f"t{number}").model_copy(update={"pool": "p"}) for number in range(40)]
        await worlds[0].declare("d", tasks)
        workers = [await world.connect() for world in worlds]
        ended: set[str] = set()
        done = asyncio.Event()

        async def work(world: World, worker: Worker) -> None:
            for number in range(len(tasks)):
                delivery = (await worker.delivered(number + 1))[number]
                await world.store.write(partial(dispatches.finish, dispatch_id=delivery.dispatch_id, outcome=end()))
                world.executor.ended([delivery.dispatch_id])
                ended.add(delivery.dispatch_id)
                if len(ended) == len(tasks):
                    done.set()

        async with worlds[0].dispatcher(), worlds[1].dispatcher():
            working = [asyncio.create_task(work(*both)) for both in zip(worlds, workers, strict=True)]
            await worlds[0].make_ready("d")
            await done.wait()
            for one in working:
                one.cancel()

    play(scene())

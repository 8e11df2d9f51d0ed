"""Hints: they wake who listens, in this process and in others, and never more than is of use."""

from collections.abc import Callable

from sqlalchemy import text

from tradewind.server.store import Store, Transaction

from .world import OpenStore, World


def ready(tx: Transaction) -> None:
    tx.hint("ready")


def test_hints_that_nobody_waits_for_become_one(world: World) -> None:
    async def scene() -> list[bool]:
        subscription = world.store.hints.subscribe("ready")
        for _ in range(3):
            await world.store.write(ready)
        return [await subscription.wait(0), await subscription.wait(0)]

    assert world.run(scene()) == [True, False]


def test_every_subscriber_of_a_topic_is_woken_and_no_other(sqlite_url: str, open_store: OpenStore) -> None:
    world = World(open_store(sqlite_url))

    async def scene() -> list[bool]:
        hints = world.store.hints
        subscriptions = [hints.subscribe("ready"), hints.subscribe("ready"), hints.subscribe("runs")]
        await world.store.write(ready)
        return [await subscription.wait(0) for subscription in subscriptions]

    assert world.run(scene()) == [True, True, False]
    world.close()


def test_who_closes_a_subscription_hears_no_more(sqlite_url: str, open_store: OpenStore) -> None:
    world = World(open_store(sqlite_url))

    async def scene() -> bool:
        subscription = world.store.hints.subscribe("ready")
        subscription.close()
        subscription.close()
        await world.store.write(ready)
        return await subscription.wait(0)

    assert not world.run(scene())
    world.close()


def test_hints_survive_an_event_loop_that_ended(
    sqlite_url: str, open_store: OpenStore, world_of: Callable[[Store], World]
) -> None:
    store = open_store(sqlite_url)
    gone = World(store)

    async def subscribe() -> None:
        store.hints.subscribe("ready")

    gone.run(subscribe())
    gone.close()
    world_of(store).write(ready)


def test_a_hint_reaches_another_process_through_postgresql(
    postgres_url: str, open_store: OpenStore, world_of: Callable[[Store], World]
) -> None:
    here, there = open_store(postgres_url), open_store(postgres_url)

    async def scene() -> None:
        subscription = there.hints.subscribe("ready")
        await here.write(ready)
        assert await subscription.wait(30)

    world_of(here).run(scene())


def test_the_listener_connects_again_and_hints_at_what_it_may_have_missed(
    postgres_url: str, open_store: OpenStore, world_of: Callable[[Store], World]
) -> None:
    here, there = open_store(postgres_url), open_store(postgres_url)

    def cut(tx: Transaction) -> None:
        tx.rows(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE query LIKE 'LISTEN%' AND datname = current_database()"
            )
        )

    async def scene() -> None:
        subscription = there.hints.subscribe("ready")
        await here.write(cut)
        assert await subscription.wait(30)
        await here.write(ready)
        assert await subscription.wait(30)

    world_of(here).run(scene())

"""What only PostgreSQL can show: several writers, lost connections, deadlocks."""

import asyncio
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, func, select, text

from tradewind.server.contract import ActivityKind, ProblemReason, Variable
from tradewind.server.domain.refusals import Refused
from tradewind.server.secrets.cipher import Cipher
from tradewind.server.store import Store, StoreOptions, Transaction, dispatches, pools, runs, scheduling, secrets
from tradewind.server.store.committer import Committer, Write
from tradewind.server.store.errors import OutageError
from tradewind.server.store.followers import Followers
from tradewind.server.store.gathering import Gathering
from tradewind.server.store.handouts import ClaimRequest, Report
from tradewind.server.store.hints import Hints
from tradewind.server.store.postgres import PostgresDatabase
from tradewind.server.store.transaction import Surroundings

from .world import OpenStore, World, dag, succeeded, task, task_id_of

MakeWorld = Callable[[Store], World]


def put(key: str) -> Callable[[Transaction], None]:
    return lambda tx: secrets.put_variable(tx, Variable(key=key, value="v"))


def keys(tx: Transaction) -> list[str]:
    return [row.key for row in secrets.list_variables(tx).items]


@pytest.fixture
def worlds(postgres_url: str, open_store: OpenStore, world_of: MakeWorld) -> tuple[World, World]:
    """Two processes, as far as the database can tell."""
    return world_of(open_store(postgres_url)), world_of(open_store(postgres_url))


def test_two_claimers_never_get_the_same(worlds: tuple[World, World]) -> None:
    first, second = worlds
    first.write(lambda tx: pools.update_pool(tx, "default_pool", {"slots": -1}))
    first.declare(dag("d", *(task(f"t{number}") for number in range(200))))
    first.trigger("d", run_id="r")
    first.schedule()
    barrier = threading.Barrier(2)

    def claim_all(world: World) -> list[str]:
        claimed: list[str] = []
        barrier.wait(30)
        while (handouts := world.claim(limit=3)) or handouts.contended:
            claimed += [task_id_of(handout) for handout in handouts]
        return claimed

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(claim_all, worlds))
    assert sorted(results[0] + results[1]) == sorted(f"t{number}" for number in range(200))
    assert len(set(results[0]) & set(results[1])) == 0
    assert all(results)
    assert second.read(lambda tx: runs.instance_states(tx, 1)) == {"queued": 200}


def test_while_one_claims_the_other_is_told_and_gets_the_rest_afterwards(worlds: tuple[World, World]) -> None:
    first, second = worlds
    first.declare(dag("d", task("a"), task("b")))
    first.trigger("d", run_id="r")
    first.schedule()
    claimed, done = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> list[str]:
        request = ClaimRequest(kind=ActivityKind.EXECUTE_TASK, executor="worker_session", limit=1)
        handouts = dispatches.claim(tx, [request])
        claimed.set()
        assert done.wait(30)
        return [task_id_of(handout) for handout in handouts]

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(first.write, slow)
        assert claimed.wait(30)
        refused = second.claim()
        done.set()
        assert waiting.result() == ["a"]
        assert (refused, refused.contended) == ([], True)
        assert [task_id_of(handout) for handout in second.claim()] == ["b"]


def test_an_outcome_sent_to_two_servers_counts_once(worlds: tuple[World, World]) -> None:
    handouts = worlds[0].hand_out(*(task(f"t{number}") for number in range(30)))
    outcome = succeeded(return_value=1)
    barrier = threading.Barrier(2)

    def report_all(world: World) -> list[object]:
        async def scene() -> list[object]:
            reports = [Report(handout.dispatch_id, outcome) for handout in handouts]
            waiting = [world.store.write_each(dispatches.record_reports, report) for report in reports]
            return list(await asyncio.gather(*waiting))

        barrier.wait(30)
        return world.run(scene())

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(report_all, worlds)
    assert first == second
    ends = [one for one in worlds[0].events() if one.event == "succeed"]
    assert len(ends) == 30


def test_two_servers_finish_tasks_of_the_same_runs_without_standing_in_each_others_way(
    worlds: tuple[World, World],
) -> None:
    world = worlds[0]
    world.declare(dag("d", *(task(f"t{number}") for number in range(40))))
    for run_id in ("r1", "r2", "r3"):
        world.trigger("d", run_id=run_id)
    world.schedule()
    handouts = world.claim(limit=1000)
    barrier = threading.Barrier(2)

    def report(part: int) -> None:
        mine = handouts[part::2] if part else list(reversed(handouts[part::2]))

        async def scene() -> None:
            waiting = [
                worlds[part].store.write_each(dispatches.record_reports, Report(one.dispatch_id, succeeded()))
                for one in mine
            ]
            await asyncio.gather(*waiting)

        barrier.wait(30)
        worlds[part].run(scene())

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(report, (0, 1)))
    world.schedule()
    assert {run.state.value for run in world.read(lambda tx: runs.list_runs(tx, "d")).items} == {"success"}


def test_a_leader_decides_about_rows_that_nobody_changes_meanwhile(worlds: tuple[World, World]) -> None:
    leading, reporting = worlds
    (handout,) = leading.hand_out(task("t"))
    leading.write(lambda tx: tx.change(text("UPDATE dag_run SET dirty_at = now()"), {"x": 1}))
    looked, go_on = threading.Event(), threading.Event()

    def look(tx: Transaction) -> int:
        (run,) = scheduling.dirty_runs(tx, 10)
        looked.set()
        assert go_on.wait(30)
        return run.rev

    with ThreadPoolExecutor(2) as pool:
        rev = pool.submit(leading.write, look)
        assert looked.wait(30)
        outcome = pool.submit(reporting.report, handout.dispatch_id, succeeded())
        go_on.set()
        outcome.result()
    assert leading.run_row().rev == rev.result() + 1


def test_a_deadlock_costs_time_and_nothing_else(worlds: tuple[World, World]) -> None:
    barrier = threading.Barrier(2)
    worlds[0].write(lambda tx: [put(key)(tx) for key in "ab"])

    def crosswise(world: World, *order: str) -> None:
        attempts = 0

        def job(tx: Transaction) -> None:
            nonlocal attempts
            attempts += 1
            put(order[0])(tx)
            if attempts == 1:
                barrier.wait(30)
            put(order[1])(tx)
            put(f"done{order[0]}")(tx)

        world.write(job)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(crosswise, worlds, "ab", "ba"))
    assert worlds[0].read(keys) == ["a", "b", "donea", "doneb"]


def test_a_lost_connection_is_opened_again_and_the_work_is_done_once(worlds: tuple[World, World]) -> None:
    world = worlds[0]
    attempts = 0

    def job(tx: Transaction) -> None:
        nonlocal attempts
        attempts += 1
        put(f"attempt{attempts}")(tx)
        if attempts == 1:
            tx.value(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    world.write(job)
    assert world.read(keys) == ["attempt2"]


def test_a_lost_connection_of_a_reader_is_opened_again(worlds: tuple[World, World]) -> None:
    world, other = worlds
    world.read(keys)
    other.write(
        lambda tx: tx.rows(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    )
    assert world.read(keys) == []
    world.write(put("a"))
    assert world.read(keys) == ["a"]


def test_a_connection_that_is_lost_in_the_midst_of_a_query_is_opened_again(worlds: tuple[World, World]) -> None:
    world = worlds[0]
    attempts = 0

    def query(tx: Transaction) -> list[str]:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            tx.value(select(func.pg_terminate_backend(func.pg_backend_pid())))
        return keys(tx)

    assert world.read(query) == []
    assert attempts == 2

    def cut(tx: Transaction) -> None:
        tx.value(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    for _ in range(10):
        with pytest.raises(Refused) as refused:
            world.read(cut)
        assert refused.value.reason is ProblemReason.TOO_BUSY
        assert world.read(keys) == []


def test_a_server_that_stays_away_makes_writes_too_busy(
    postgres_url: str, open_store: OpenStore, world_of: MakeWorld
) -> None:
    world = world_of(open_store(postgres_url, outage_seconds=0.2))

    def cut(tx: Transaction) -> None:
        tx.value(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(Refused) as refused:
        world.write(cut)
    assert refused.value.reason is ProblemReason.TOO_BUSY
    world.write(put("a"))


class LosesOneReply(PostgresDatabase):
    """A database whose answer to the next commit is lost on the way, after or before the commit happened."""

    happens = True
    armed = False

    def commit(self, connection: Connection, topics: Collection[str]) -> None:
        if not self.armed:
            super().commit(connection, topics)
            return
        self.armed = False
        if self.happens:
            super().commit(connection, topics)
        else:
            super().rollback(connection)
        raise OutageError("the reply was lost", commit_sent=True)


@pytest.mark.parametrize("happens", [True, False])
def test_a_commit_whose_reply_was_lost_is_asked_about_and_never_done_twice(
    postgres_url: str, cipher: Cipher, happens: bool
) -> None:
    database = LosesOneReply(postgres_url, patience_seconds=10, sender="test")
    database.happens = happens
    surroundings = Surroundings("postgresql", StoreOptions(), cipher)
    committer = Committer(database, surroundings, Hints(), Followers(), Gathering())
    committer.start()
    attempts = 0

    def job(tx: Transaction) -> int:
        nonlocal attempts
        attempts += 1
        put(f"attempt{attempts}")(tx)
        return attempts

    async def write(job: Callable[[Transaction], object]) -> object:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[object] = loop.create_future()
        committer.submit(Write(job, None, None, future, loop))
        return await future

    async def scene() -> tuple[object, object]:
        database.armed = True
        return await write(job), await write(keys)

    try:
        expected = 1 if happens else 2
        assert asyncio.run(scene()) == (expected, [f"attempt{expected}"])
    finally:
        committer.close()

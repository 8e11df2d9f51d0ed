"""Lost tries: scheduled again for free, but not for ever."""

import pytest

from tradewind.server.store import dispatches, runs
from tradewind.server.store.handouts import LossCause

from .world import OpenStore, World, dag, failed, started, task


def lose(world: World, dispatch_id: str, cause: LossCause = LossCause.WORKER_SILENT) -> list[str]:
    return world.write(lambda tx: dispatches.lose(tx, [dispatch_id], cause, "for a test"))


@pytest.mark.parametrize("has_started", [False, True])
def test_a_lost_try_goes_back_to_scheduled(world: World, has_started: bool) -> None:
    handout = world.hand_out_one()
    if has_started:
        world.report(handout.dispatch_id, started())
    assert lose(world, handout.dispatch_id) == [handout.dispatch_id]
    row = world.instance()
    assert (row.state.value, row.lost, row.failures, row.dispatch_id) == ("scheduled", 1, 0, None)
    (lost,) = world.read(lambda tx: runs.list_tries(tx, row.pk))
    assert lost.state == "lost"
    assert lost.error is not None
    assert "silent" in lost.error["message"]
    assert "for a test" in lost.error["message"]
    (again,) = world.claim()
    assert again.dispatch_id != handout.dispatch_id


def test_losing_twice_is_losing_once(world: World) -> None:
    handout = world.hand_out_one()
    lose(world, handout.dispatch_id)
    assert lose(world, handout.dispatch_id) == []
    assert world.write(lambda tx: dispatches.lose(tx, ["unknown"], LossCause.WORKER_SILENT)) == []
    assert world.instance().lost == 1


def lose_until_final(world: World, *, most: int) -> list[str]:
    seen: list[str] = []
    for _ in range(most):
        (handout,) = world.claim()
        lose(world, handout.dispatch_id)
        seen.append(world.instance().state.value)
        world.schedule()
        if seen[-1] == "failed":
            break
    return seen


def test_a_try_that_is_lost_too_often_counts_as_failed(world: World) -> None:
    world.declare(dag("d", task("t")))
    world.trigger("d", run_id="r")
    world.schedule()
    assert lose_until_final(world, most=9) == ["scheduled"] * 3 + ["failed"]
    row = world.instance()
    assert (row.lost, row.failures, row.try_number) == (4, 1, 4)
    assert row.error is not None
    assert "lost 4 times" in row.error["message"]
    assert world.run_row().state.value == "failed"


def test_lost_tries_beyond_the_limit_use_up_the_retries(world: World) -> None:
    world.declare(dag("d", task("t", retries=2)))
    world.trigger("d", run_id="r")
    world.schedule()
    assert lose_until_final(world, most=9) == ["scheduled"] * 3 + ["up_for_retry"] * 2 + ["failed"]


def test_the_limit_is_a_setting(sqlite_url: str, open_store: OpenStore) -> None:
    world = World(open_store(sqlite_url, max_lost_tries=0))
    world.declare(dag("d", task("t")))
    world.trigger("d", run_id="r")
    world.schedule()
    assert lose_until_final(world, most=9) == ["failed"]
    world.close()


def test_failures_and_losses_are_counted_apart(world: World) -> None:
    handout = world.hand_out_one(retries=1)
    lose(world, handout.dispatch_id)
    (second,) = world.claim()
    world.report(second.dispatch_id, failed())
    row = world.instance()
    assert (row.state.value, row.lost, row.failures) == ("up_for_retry", 1, 1)


def test_several_dispatches_are_lost_at_once(world: World) -> None:
    handouts = world.hand_out(*(task(f"t{number}") for number in range(10)))
    ids = [handout.dispatch_id for handout in handouts]
    assert world.write(lambda tx: dispatches.lose(tx, ids, LossCause.INSTANCE_ENDED)) == sorted(ids)
    assert set(world.states().values()) == {"scheduled"}
    assert world.read(lambda tx: dispatches.ended_among(tx, ids)) == ids


def test_who_runs_a_lost_dispatch_is_told_and_so_is_who_has_capacity(world: World) -> None:
    handout = world.hand_out_one()

    async def scene() -> list[bool]:
        topics = [world.store.hints.subscribe(topic) for topic in ("ended", "ready", "runs")]
        await world.store.write(lambda tx: dispatches.lose(tx, [handout.dispatch_id], LossCause.EXECUTOR_FAILED))
        return [await topic.wait(0) for topic in topics]

    assert world.run(scene()) == [True] * 3

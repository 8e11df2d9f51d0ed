"""Workers that are asked to drain: by name, by session, across reconnects, and not across lives."""

from __future__ import annotations

from tradewind.server.store import sessions, worker_drains
from tradewind.server.store.handouts import WorkerBinding

from .world import World, later


def reason_of(world: World, binding: WorkerBinding) -> str | None:
    return world.read(lambda tx: worker_drains.drain_reason(tx, binding.session_id))


def ask(world: World, named: str, reason: str = "maintenance", seconds: float = 0) -> set[str]:
    return world.write(later(seconds, lambda tx: worker_drains.ask_to_drain(tx, named, reason)))


def test_a_name_means_all_its_sessions_and_an_id_means_one(world: World) -> None:
    first, second = world.connect().binding, world.connect().binding
    assert ask(world, second.session_id, "one") == {second.session_id}
    assert (reason_of(world, first), reason_of(world, second)) == (None, "one")
    assert ask(world, first.worker, "all") == {first.session_id, second.session_id}
    assert (reason_of(world, first), reason_of(world, second)) == ("all", "all")
    assert {row.drain_reason for row in world.read(sessions.list_sessions)} == {"all"}


def test_an_unknown_name_means_nobody(world: World) -> None:
    binding = world.connect().binding
    assert ask(world, "nobody") == set()
    assert reason_of(world, binding) is None


def test_a_session_that_is_over_is_not_asked(world: World) -> None:
    binding = world.connect().binding
    world.write(lambda tx: sessions.mark_disconnected(tx, binding))
    assert ask(world, binding.worker) == set()


def test_a_worker_that_is_away_with_work_is_asked_and_told_when_it_is_back(world: World) -> None:
    binding = world.connect().binding
    world.hand_out_one(worker=binding)
    world.write(lambda tx: sessions.mark_disconnected(tx, binding))
    assert ask(world, binding.worker) == {binding.session_id}
    again = world.connect(instance_id=binding.instance_id).binding
    assert reason_of(world, again) == "maintenance"


def test_a_new_life_of_a_worker_works(world: World) -> None:
    binding = world.connect().binding
    ask(world, binding.worker)
    assert reason_of(world, world.connect().binding) is None

"""What is said of task instances that wait agrees with what the scheduler does about them, whatever their rules."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from tradewind.server.contract import (
    Outcome,
    Reason,
    SerializedTask,
    TaskInstanceState,
    TaskSkipped,
    TriggerRule,
    WaitingForPast,
    WaitingForScheduler,
    WaitingForUpstream,
)
from tradewind.server.domain import reasons
from tradewind.server.store import Store, Transaction, runs, views

from .world import OpenStore, World, dag, failed, succeeded, task

DATE = datetime(2026, 1, 1, tzinfo=UTC)
NONE = TaskInstanceState.NONE


@pytest.fixture
def sqlite_world(sqlite_url: str, open_store: OpenStore, world_of: Callable[[Store], World]) -> World:
    return world_of(open_store(sqlite_url))


def explained(world: World, run_id: str) -> dict[str, Reason]:
    """Why those in `none` are there."""

    def query(tx: Transaction) -> dict[str, Reason]:
        rows = [row for row in runs.list_instances(tx, runs.get_run(tx, "d", run_id).pk).items if row.state is NONE]
        found = views.instance_views(tx, rows)
        return {row.task_id: reasons.explain(found[row.pk]) for row in rows}

    return world.read(query)


def skipped() -> TaskSkipped:
    now = datetime.now(UTC)
    return TaskSkipped(started_at=now, ended_at=now)


def random_tasks(random: Random) -> list[SerializedTask]:
    tasks: list[SerializedTask] = []
    for number in range(random.randint(3, 9)):
        upstream = [one.task_id for one in tasks if random.random() < 0.4]
        role = random.choice(["setup", "teardown", "work", "work", "work"]) if number else "work"
        tasks.append(
            task(
                f"t{number}",
                *upstream,
                trigger_rule=random.choice(list(TriggerRule)),
                is_setup=role == "setup",
                is_teardown=role == "teardown",
                depends_on_past=random.random() < 0.2,
                wait_for_downstream=random.random() < 0.1,
                wait_for_past_depends_before_skipping=random.random() < 0.5,
                end_date=DATE if random.random() < 0.2 else None,
            )
        )
    return tasks


@pytest.mark.parametrize("seed", range(20))
def test_after_the_scheduler_has_looked_nothing_waits_for_it(sqlite_world: World, seed: int) -> None:
    """And before it looks, what it is going to move says so."""
    random, world = Random(seed), sqlite_world
    world.declare(dag("d", *random_tasks(random)))
    for number, run_id in enumerate(("r0", "r1", "r2")):
        world.trigger(run_id=run_id, logical_date=DATE + timedelta(days=number))
    world.schedule()
    while handouts := world.claim(limit=random.randint(1, 3)):
        for handout in handouts:
            outcomes: list[Outcome] = [succeeded(), succeeded(), failed(), skipped()]
            world.report(handout.dispatch_id, random.choice(outcomes))
        before = {run_id: explained(world, run_id) for run_id in ("r0", "r1", "r2")}
        world.schedule()
        for run_id, were in before.items():
            are = explained(world, run_id)
            assert not [one for one in are.values() if isinstance(one, WaitingForScheduler)]
            assert all(isinstance(one, WaitingForUpstream | WaitingForPast) for one in are.values())
            going = [task_id for task_id, reason in were.items() if isinstance(reason, WaitingForScheduler)]
            assert not set(going) & set(are)
            for reason in are.values():
                if isinstance(reason, WaitingForUpstream):
                    states = world.states(run_id)
                    assert not {states[one] for one in reason.upstream} & {"success", "failed", "skipped"}


@pytest.mark.parametrize("rule", list(TriggerRule))
def test_every_rule_names_what_it_waits_for_and_no_more_once_it_is_decided(world: World, rule: TriggerRule) -> None:
    handouts = world.hand_out(task("a"), task("b"), task("t", "a", "b", trigger_rule=rule))
    if rule is TriggerRule.ALWAYS:
        assert (len(handouts), explained(world, "r")) == (3, {})
        return
    first, second = handouts
    assert explained(world, "r") == {"t": WaitingForUpstream(upstream=["a", "b"], unfinished=2)}
    world.report(first.dispatch_id, succeeded())
    reason = explained(world, "r")["t"]
    eager = {TriggerRule.ONE_SUCCESS, TriggerRule.ONE_DONE, TriggerRule.ALL_FAILED, TriggerRule.ALL_SKIPPED}
    assert isinstance(reason, WaitingForScheduler if rule in eager else WaitingForUpstream)
    if isinstance(reason, WaitingForUpstream):
        assert reason == WaitingForUpstream(upstream=["b"], unfinished=1)
    world.report(second.dispatch_id, succeeded())
    assert isinstance(explained(world, "r")["t"], WaitingForScheduler)
    world.schedule()
    assert explained(world, "r") == {}

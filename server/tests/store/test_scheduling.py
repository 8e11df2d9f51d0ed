"""The leader's reads and writes: who may decide, and when a decision is too old."""

from dataclasses import replace

from tradewind.server.contract import DagRunEvent, DagRunState, TaskInstanceEvent, TaskInstanceState
from tradewind.server.domain.decisions import InstanceMove, RunDecision
from tradewind.server.store import Transaction, dags, dispatches, runs, scheduling
from tradewind.server.store.handouts import Report
from tradewind.server.store.scheduling import DirtyRun

from .world import World, dag, failed, later, succeeded, task


def only_dirty(world: World) -> DirtyRun:
    (run,) = world.write(lambda tx: scheduling.dirty_runs(tx, 10))
    return run


def start(run: DirtyRun, *moves: InstanceMove) -> RunDecision:
    return RunDecision(run.pk, run.rev, DagRunEvent.START, DagRunState.RUNNING, moves, None, complete=True)


def look(run: DirtyRun, *, complete: bool = True) -> RunDecision:
    return RunDecision(run.pk, run.rev, None, run.state, (), None, complete=complete)


def ready(world: World, run: DirtyRun) -> InstanceMove:
    (fact,) = world.read(lambda tx: scheduling.run_instances(tx, run.pk, 0))
    return InstanceMove(fact.pk, fact.rev, TaskInstanceEvent.READY, fact.state, TaskInstanceState.SCHEDULED)


def new_run(world: World) -> DirtyRun:
    world.declare(dag("d", task("t")))
    world.trigger("d", run_id="r")
    return only_dirty(world)


def test_one_leads_at_a_time_and_each_change_raises_the_epoch(world: World) -> None:
    def take(name: str) -> int | None:
        return world.write(lambda tx: scheduling.take_leadership(tx, name, 10))

    assert [take("a"), take("b"), take("a")] == [1, None, 1]
    assert world.write(later(11, lambda tx: scheduling.take_leadership(tx, "b", 100))) == 2
    assert take("a") is None
    world.write(later(12, lambda tx: scheduling.resign_leadership(tx, "b")))
    assert world.write(later(13, lambda tx: scheduling.take_leadership(tx, "a", 10))) == 3
    leader = world.read(scheduling.leader)
    assert leader is not None
    assert (leader.holder, leader.epoch) == ("a", 3)


def test_nobody_leads_before_the_first_one(world: World) -> None:
    assert world.read(scheduling.leader) is None
    world.write(lambda tx: scheduling.resign_leadership(tx, "nobody"))


def test_a_decision_moves_the_run_and_its_instances_and_clears_the_mark(world: World) -> None:
    run, epoch = new_run(world), world.lead()
    move = ready(world, run)
    assert world.write(lambda tx: scheduling.apply_decision(tx, epoch, start(run, move))) == run.rev + 1
    assert world.run_row().state is DagRunState.RUNNING
    assert world.run_row().started_at is not None
    assert world.states() == {"t": "scheduled"}
    assert world.write(lambda tx: scheduling.dirty_runs(tx, 10)) == []
    (fact,) = world.read(lambda tx: scheduling.run_instances(tx, run.pk, run.rev))
    assert (fact.rev, fact.state) == (move.rev + 1, TaskInstanceState.SCHEDULED)
    assert world.read(lambda tx: scheduling.run_instances(tx, run.pk, run.rev + 1)) == []


def test_a_leader_of_the_past_changes_nothing(world: World) -> None:
    run, epoch = new_run(world), world.lead()
    world.write(later(7200, lambda tx: scheduling.take_leadership(tx, "other", 10)))
    move = ready(world, run)
    assert world.write(lambda tx: scheduling.apply_decision(tx, epoch, start(run, move))) is None
    assert world.states() == {"t": "none"}
    assert len(world.events()) == 1


def test_a_decision_about_an_older_revision_of_the_run_changes_nothing(world: World) -> None:
    run, epoch = new_run(world), world.lead()
    move = ready(world, run)
    old = replace(start(run, move), run_rev=run.rev - 1)
    assert world.write(lambda tx: scheduling.apply_decision(tx, epoch, old)) is None
    assert world.write(lambda tx: scheduling.apply_decision(tx, epoch, replace(look(run), run_rev=99))) is None
    assert world.states() == {"t": "none"}
    assert only_dirty(world) == run


def test_a_decision_about_an_older_revision_of_an_instance_changes_nothing(world: World) -> None:
    run, epoch = new_run(world), world.lead()
    move = replace(ready(world, run), rev=99)
    assert world.write(lambda tx: scheduling.apply_decision(tx, epoch, start(run, move))) is None
    assert world.run_row().state is DagRunState.QUEUED
    assert len(world.events()) == 1


def test_an_incomplete_decision_leaves_the_run_dirty(world: World) -> None:
    run, epoch = new_run(world), world.lead()
    assert world.write(lambda tx: scheduling.apply_decision(tx, epoch, look(run, complete=False))) == run.rev
    assert only_dirty(world) == run
    assert world.write(lambda tx: scheduling.apply_decision(tx, epoch, look(run))) == run.rev
    assert world.write(lambda tx: scheduling.dirty_runs(tx, 10)) == []


def test_the_reason_of_an_instance_that_will_not_run_is_kept(world: World) -> None:
    world.hand_out(task("a"), task("b", "a"))
    world.report(world.instance("a").dispatch_id or "", failed())
    world.schedule()
    assert world.states() == {"a": "failed", "b": "upstream_failed"}
    assert world.instance("b").reason == {
        "reason": "upstream_not_met",
        "upstream": ["a"],
        "trigger_rule": "all_success",
    }
    assert world.run_row().state is DagRunState.FAILED
    assert world.run_row().ended_at is not None


def test_what_touches_a_run_after_the_leader_looked_in_the_same_transaction_is_seen_by_the_next_look(
    world: World,
) -> None:
    handouts = world.hand_out(task("a"), task("b"), task("c", "a", "b"))
    epoch = world.lead()

    def one_batch(tx: Transaction) -> int:
        first = dispatches.record_reports(tx, [Report(handouts[0].dispatch_id, succeeded())])
        assert first
        (run,) = scheduling.dirty_runs(tx, 10)
        seen = scheduling.run_instances(tx, run.pk, 0)
        assert scheduling.apply_decision(tx, epoch, look(run)) == run.rev
        dispatches.record_reports(tx, [Report(handouts[1].dispatch_id, succeeded())])
        assert len(seen) == 3
        return run.rev

    rev = world.write(one_batch)
    run = only_dirty(world)
    assert run.rev > rev
    (fact,) = world.read(lambda tx: scheduling.run_instances(tx, run.pk, rev))
    assert (fact.task_id, fact.state) == ("b", TaskInstanceState.SUCCESS)


def test_claims_and_starts_do_not_make_a_run_dirty(world: World) -> None:
    world.hand_out_one()
    assert world.write(lambda tx: scheduling.dirty_runs(tx, 10)) == []


def test_queued_runs_start_in_their_order_as_slots_are_free(world: World) -> None:
    world.declare(dag("d", task("t"), max_active_runs=2))
    pks = [world.trigger("d", run_id=f"r{number}").pk for number in range(4)]
    first = world.read(lambda tx: scheduling.startable_runs(tx, "d"))
    assert (first.paused, first.max_active_runs, first.active_runs, first.queued) == (False, 2, 0, pks[:2])
    world.schedule()
    full = world.read(lambda tx: scheduling.startable_runs(tx, "d"))
    assert (full.active_runs, full.queued) == (2, [])
    (handout, *_) = world.claim()
    world.report(handout.dispatch_id, succeeded())
    world.schedule()
    assert [world.run_row(f"r{number}").state.value for number in range(4)] == [
        "success",
        "running",
        "running",
        "queued",
    ]
    assert world.read(lambda tx: scheduling.startable_runs(tx, "nothing")).queued == []
    assert [run.pk for run in world.read(lambda tx: scheduling.live_runs(tx, after_pk=pks[1]))] == pks[2:]
    assert [run.pk for run in world.read(lambda tx: scheduling.runs_by_pk(tx, pks))] == pks


def test_a_dag_that_is_resumed_or_may_run_more_wakes_its_queue(world: World) -> None:
    world.declare(dag("d", task("t"), max_active_runs=1))
    world.write(lambda tx: dags.set_paused(tx, "d", True, actor="user:u"))
    first = world.trigger("d", run_id="r1")
    world.trigger("d", run_id="r2")
    world.schedule()
    assert world.write(lambda tx: scheduling.dirty_runs(tx, 10)) == []
    world.write(lambda tx: dags.set_paused(tx, "d", False, actor="user:u"))
    assert only_dirty(world).pk == first.pk
    world.schedule()
    assert world.write(lambda tx: scheduling.dirty_runs(tx, 10)) == []
    world.declare(dag("d", task("t"), max_active_runs=2))
    assert only_dirty(world).run_id == "r2"


def test_a_try_is_due_after_its_delay(world: World) -> None:
    handout = world.hand_out_one(retries=1, retry_delay_seconds=60.0)
    world.report(handout.dispatch_id, failed())
    world.schedule()
    upcoming = world.read(scheduling.upcoming)
    assert (upcoming.overdue, upcoming.runs_due) == (False, False)
    assert upcoming.next == world.instance().retry_at
    assert world.write(lambda tx: scheduling.due_runs(tx, 10)) == []
    assert [run.run_id for run in world.write(later(61, lambda tx: scheduling.due_runs(tx, 10)))] == ["r"]
    assert world.write(later(61, scheduling.upcoming)) == scheduling.Upcoming(overdue=True, runs_due=False, next=None)
    world.schedule(seconds_from_now=61)
    assert world.states() == {"t": "scheduled"}
    assert world.instance().retry_at is None
    assert world.read(scheduling.upcoming) == scheduling.Upcoming(overdue=False, runs_due=False, next=None)


def test_the_dirtiest_run_comes_first(world: World) -> None:
    world.declare(dag("d", task("t")))
    for number in range(3):
        world.trigger("d", run_id=f"r{number}")
    found = world.write(lambda tx: scheduling.dirty_runs(tx, 2))
    assert [run.run_id for run in found] == ["r0", "r1"]


def test_a_run_state_hint_comes_with_a_change_of_the_run(world: World) -> None:
    run, epoch = new_run(world), world.lead()

    async def scene() -> list[bool]:
        subscription = world.store.hints.subscribe("run_states")
        await world.store.write(lambda tx: scheduling.apply_decision(tx, epoch, look(run)))
        before = await subscription.wait(0)
        await world.store.write(lambda tx: scheduling.apply_decision(tx, epoch, start(run)))
        return [before, await subscription.wait(0)]

    assert world.run(scene()) == [False, True]
    assert world.read(lambda tx: runs.get_run(tx, "d", "r")).state is DagRunState.RUNNING

"""No silent stuck state: every state that is not final has a reason that its rows tell."""

from tradewind.server.contract import Reason, TaskInstanceState
from tradewind.server.domain import reasons
from tradewind.server.store import Transaction, dags, runs, sessions, views

from .world import World, dag, failed, later, started, succeeded, task


def why(world: World, task_id: str = "t", *, seconds: float = 0, brokers: tuple[str, ...] = ()) -> Reason:
    def query(tx: Transaction) -> Reason:
        row = runs.get_instance(tx, "d", "r", task_id)
        return reasons.explain(views.instance_views(tx, [row], brokers=brokers)[row.pk])

    return world.write(later(seconds, query))


def test_each_step_of_a_try_has_its_reason(world: World) -> None:
    world.declare(dag("d", task("t", retries=1, retry_delay_seconds=60.0), task("u", "t")))
    world.write(lambda tx: dags.set_paused(tx, "d", True))
    world.trigger("d", run_id="r")
    assert why(world).reason == "dag_paused"
    world.write(lambda tx: dags.set_paused(tx, "d", False))
    assert why(world).reason == "waiting_for_run_start"
    world.schedule()
    assert why(world).reason == "no_worker_for_queue"
    assert why(world, brokers=("worker_session",)).reason == "waiting_for_capacity"
    assert why(world, "u").reason == "waiting_for_upstream"
    binding = world.connect().binding
    assert why(world).reason == "waiting_for_capacity"
    (handout,) = world.claim(binding)
    assert why(world).reason == "handed_out"
    world.report(handout.dispatch_id, started())
    running = why(world)
    assert running.reason == "running"
    assert (running.worker, running.hostname, running.pid) == ("worker", "host", 4711)
    silent = why(world, seconds=100)
    assert silent.reason == "worker_unreachable"
    assert (silent.takeover_at - silent.since).total_seconds() == 300
    world.report(handout.dispatch_id, failed("it broke"))
    assert why(world).reason == "retry_backoff"
    world.schedule(seconds_from_now=61)
    (again,) = world.claim(binding)
    world.report(again.dispatch_id, failed("for good"))
    ended = why(world)
    assert ended.reason == "ended"
    assert (ended.state, ended.error) == (TaskInstanceState.FAILED, "for good")
    world.schedule()
    blamed = why(world, "u")
    assert blamed.reason == "upstream_not_met"
    assert blamed.upstream == ["t"]


def test_a_broker_has_until_the_handout_timeout(world: World) -> None:
    handout = world.hand_out_one()
    reason = why(world)
    assert reason.reason == "handed_out"
    assert reason.worker is None
    assert reason.deadline is not None
    assert (reason.deadline - handout.claimed_at).total_seconds() == 600


def test_a_run_waits_for_a_slot(world: World) -> None:
    world.declare(dag("d", task("t"), max_active_runs=1))
    world.trigger("d", run_id="first")
    run = world.trigger("d", run_id="r")
    world.schedule()
    reason = reasons.explain_run(world.read(lambda tx: views.run_view(tx, run)))
    assert reason is not None
    assert reason.reason == "waiting_for_run_slot"
    assert why(world).reason == "waiting_for_run_slot"


def test_a_queue_is_not_served_by_a_worker_that_is_gone(world: World) -> None:
    world.declare(dag("d", task("t", queue="x")))
    world.trigger("d", run_id="r")
    world.schedule()
    binding = world.connect(queues=["x"]).binding
    assert why(world).reason == "waiting_for_capacity"
    assert why(world, seconds=60).reason == "no_worker_for_queue"
    world.write(lambda tx: sessions.mark_disconnected(tx, binding))
    assert why(world).reason == "no_worker_for_queue"


def test_many_instances_are_explained_together(world: World) -> None:
    handouts = world.hand_out(*(task(f"t{number}") for number in range(20)), task("u", "t0", "t1"))
    world.report(handouts[0].dispatch_id, succeeded())

    def query(tx: Transaction) -> dict[str, Reason]:
        rows = runs.list_instances(tx, runs.get_run(tx, "d", "r").pk).items
        found = views.instance_views(tx, rows)
        return {row.task_id: reasons.explain(found[row.pk]) for row in rows}

    explained = world.read(query)
    assert len(explained) == 21
    assert explained["u"].reason == "waiting_for_upstream"
    assert explained["u"].upstream == ["t1"]
    assert explained["t0"].reason == "ended"

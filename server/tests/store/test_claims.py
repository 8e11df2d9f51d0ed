"""Claiming: what is ready meets free capacity once."""

import pytest
from sqlalchemy import text

from tradewind.server.contract import ActivityKind, DagRunType, ExecuteTask
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import Transaction, dispatches, runs, sessions, xcoms
from tradewind.server.store.handouts import ClaimRequest, Handout
from tradewind.server.store.rows import XComRow

from .world import EXECUTOR, World, dag, failed, succeeded, task, task_id_of


def test_a_handout_says_everything_that_the_activity_is(world: World) -> None:
    world.declare(dag("d", task("t", retries=2, takeover_after_seconds=7.0)))
    run = world.trigger("d", run_id="r", conf={"x": 1}, user="u")
    world.schedule()
    (handout,) = world.claim()
    activity = handout.activity
    assert isinstance(activity, ExecuteTask)
    row = world.instance()
    assert (row.state.value, row.dispatch_id, row.try_id) == (
        "queued",
        handout.dispatch_id,
        activity.task_try.try_id,
    )
    assert (activity.task_try.dag_id, activity.task_try.run_id, activity.task_try.task_id) == ("d", "r", "t")
    assert (activity.task_try.try_number, activity.task_try.map_index, activity.max_tries) == (1, -1, 3)
    assert (activity.dag_run.conf, activity.dag_run.triggering_user) == ({"x": 1}, "u")
    assert (activity.dag_run.run_type, activity.dag_run.start_date) == (DagRunType.MANUAL, world.run_row().started_at)
    assert (activity.code.snapshot, activity.code.code_id, activity.code.file) == (run.snapshot, run.code_id, "f.py")
    assert (handout.takeover_after_seconds, handout.dag_version_pk, handout.queue) == (
        7.0,
        run.dag_version_pk,
        "default",
    )
    assert world.read(lambda tx: dispatches.handout(tx, handout.dispatch_id)) == handout


def test_what_was_claimed_is_not_claimed_again(world: World) -> None:
    assert len(world.hand_out(task("a"), task("b"))) == 2
    assert world.claim() == []


def test_the_oldest_come_first_and_no_more_than_there_is_room_for(world: World) -> None:
    world.declare(dag("d", *(task(f"t{number}") for number in range(5))))
    world.trigger("d", run_id="r")
    world.schedule()
    assert [task_id_of(one) for one in world.claim(limit=2)] == ["t0", "t1"]
    assert [task_id_of(one) for one in world.claim(limit=0)] == []
    assert [task_id_of(one) for one in world.claim(limit=9)] == ["t2", "t3", "t4"]


def test_a_worker_gets_the_queues_that_it_serves_and_a_broker_all(world: World) -> None:
    world.declare(dag("d", task("a", queue="x"), task("b", queue="y"), task("c", queue="z"), task("e", executor="k8s")))
    world.trigger("d", run_id="r")
    world.schedule()
    binding = world.connect(queues=["x"]).binding
    assert [task_id_of(one) for one in world.claim(binding, queues=["x", "none"])] == ["a"]
    assert sorted(task_id_of(one) for one in world.claim()) == ["b", "c"]
    assert [task_id_of(one) for one in world.claim(executor="k8s")] == ["e"]


def test_work_goes_to_those_with_most_free_capacity(world: World) -> None:
    world.declare(dag("d", *(task(f"t{number}") for number in range(6))))
    world.trigger("d", run_id="r")
    world.schedule()
    bindings = [world.connect(name).binding for name in ("small", "large")]
    requests = [
        ClaimRequest(
            kind=ActivityKind.EXECUTE_TASK, executor=EXECUTOR, limit=limit, queues=("default",), worker=binding
        )
        for limit, binding in zip((2, 4), bindings, strict=True)
    ]
    handouts = world.write(lambda tx: dispatches.claim(tx, requests))
    assert [one.worker.worker for one in handouts if one.worker] == [
        "large",
        "large",
        "small",
        "large",
        "small",
        "large",
    ]


def test_a_worker_that_is_gone_or_connected_anew_gets_nothing(world: World) -> None:
    world.declare(dag("d", task("t")))
    world.trigger("d", run_id="r")
    world.schedule()
    old = world.connect().binding
    new = world.connect(instance_id=old.instance_id).binding
    assert world.claim(old) == []
    world.write(lambda tx: sessions.mark_disconnected(tx, new))
    assert world.claim(new) == []
    newest = world.connect(instance_id=old.instance_id).binding
    (handout,) = world.claim(newest)
    assert handout.worker == newest
    assert world.instance().worker == "worker"


def test_a_new_try_has_its_own_number_and_finds_no_xcoms_of_earlier_ones(world: World) -> None:
    handout = world.hand_out_one(retries=1)
    world.write(lambda tx: xcoms.set_xcom(tx, handout.dispatch_id, "k", 1, "00000000-0000-0000-0000-000000000001"))
    world.report(handout.dispatch_id, failed())
    world.schedule()
    assert [row.key for row in xcoms_of(world)] == ["k"]
    (again,) = world.claim()
    assert isinstance(again.activity, ExecuteTask)
    assert again.activity.task_try.try_number == 2
    assert xcoms_of(world) == []
    world.report(again.dispatch_id, succeeded(return_value=2))
    assert [row.key for row in xcoms_of(world)] == ["return_value"]


def xcoms_of(world: World) -> list[XComRow]:
    pk = world.instance().pk
    return world.read(lambda tx: xcoms.list_xcoms(tx, pk))


def test_what_was_never_delivered_goes_back_and_counts_as_nothing(world: World) -> None:
    handout = world.hand_out_one()
    assert world.write(lambda tx: dispatches.hand_back(tx, [handout.dispatch_id])) == [handout.dispatch_id]
    row = world.instance()
    assert (row.state.value, row.failures, row.lost, row.dispatch_id) == ("scheduled", 0, 0, None)
    with pytest.raises(Refused):
        world.read(lambda tx: dispatches.live_dispatch(tx, handout.dispatch_id))
    (again,) = world.claim()
    assert again.dispatch_id != handout.dispatch_id


def test_what_a_broker_has_and_nobody_started_is_delivered_again(world: World) -> None:
    handout = world.hand_out_one()
    undelivered = world.read(lambda tx: dispatches.undelivered(tx, EXECUTOR))
    assert undelivered == [handout]
    assert world.read(lambda tx: dispatches.undelivered(tx, "other")) == []


def test_a_task_instance_never_has_two_live_dispatches(world: World) -> None:
    """The database itself refuses a second one, whatever the code does."""
    handout = world.hand_out_one()

    def forge(tx: Transaction) -> Handout:
        tx.change(
            text("UPDATE task_instance SET state = 'scheduled', scheduled_at = queued_at WHERE pk = :pk"), {"pk": 1}
        )
        request = ClaimRequest(kind=ActivityKind.EXECUTE_TASK, executor=EXECUTOR, limit=1)
        return dispatches.claim(tx, [request])[0]

    with pytest.raises(Exception, match=r"(?i)unique"):
        world.write(forge)
    assert world.read(lambda tx: dispatches.ended_among(tx, [handout.dispatch_id, "unknown"])) == ["unknown"]
    assert len(world.read(lambda tx: runs.list_tries(tx, 1))) == 1

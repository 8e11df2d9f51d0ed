"""Runs: pinned when they are made, and read back as they are."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from tradewind.server.contract import DagRunState, ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import dags, runs
from tradewind.server.store.runs.filters import Comparison, RunMoment, RunOrder

from .world import BUNDLE, World, dag, failed, started, succeeded, task


def test_a_run_is_pinned_to_the_dag_as_it_is(world: World) -> None:
    world.declare(dag("d", task("a"), task("b", "a")))
    declared = world.read(lambda tx: dags.get_dag(tx, "d"))
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    run = world.trigger("d", run_id="r", conf={"x": [1, None, "ä\0"]}, logical_date=moment, user="u", note="why")
    world.declare(dag("d", task("c")))
    again = world.run_row("r")
    assert again == run
    assert (again.dag_version_pk, again.snapshot, again.code_id) == (
        declared.dag_version_pk,
        declared.snapshot,
        declared.code_id,
    )
    assert again.conf == {"x": [1, None, "ä\0"]}
    assert (again.logical_date, again.triggering_user, again.note) == (moment, "u", "why")
    assert again.state is DagRunState.QUEUED
    assert world.states() == {"a": "none", "b": "none"}


def test_a_run_without_a_name_gets_one_from_the_time(world: World) -> None:
    world.declare(dag("d", task("a")))
    names = world.write(lambda tx: [runs.create_run(tx, "d").run_id for _ in range(3)])
    assert len(set(names)) == 3
    assert all(name.startswith("manual__") for name in names)
    assert all(world.run_row(name).run_id == name for name in names)


@pytest.mark.parametrize(
    ("run_id", "reason"), [("r", ProblemReason.ALREADY_EXISTS), ("a b", ProblemReason.INVALID_VALUE)]
)
def test_a_run_id_is_used_once_and_well_formed(world: World, run_id: str, reason: ProblemReason) -> None:
    world.declare(dag("d", task("a")))
    world.trigger("d", run_id="r")
    with pytest.raises(Refused) as refused:
        world.trigger("d", run_id=run_id)
    assert refused.value.reason is reason
    assert world.read(lambda tx: runs.list_runs(tx, "d")).total == 1


def test_a_dag_that_is_gone_cannot_run(world: World) -> None:
    with pytest.raises(Refused) as unknown:
        world.trigger("d")
    assert unknown.value.reason is ProblemReason.NOT_FOUND
    world.declare(dag("d", task("a")))
    world.write(lambda tx: dags.drop_files(tx, BUNDLE, []))
    with pytest.raises(Refused) as stale:
        world.trigger("d")
    assert stale.value.reason is ProblemReason.CONFLICT


def test_runs_are_listed_newest_first_and_by_state(world: World) -> None:
    world.declare(dag("d", task("a"), max_active_runs=1), dag("e", task("a")))
    for run_id in ("r1", "r2", "r3"):
        world.trigger("d", run_id=run_id)
    world.trigger("e", run_id="x")
    world.schedule()
    listed = world.read(lambda tx: runs.list_runs(tx, "d", limit=2))
    assert ([run.run_id for run in listed.items], listed.total) == (["r3", "r2"], 3)
    assert [
        run.run_id
        for run in world.read(lambda tx: runs.list_runs(tx, None, chosen=runs.RunFilter(states=["running"]))).items
    ] == [
        "x",
        "r1",
    ]
    oldest = world.read(lambda tx: runs.list_runs(tx, None, order=["id"], limit=1))
    assert [run.run_id for run in oldest.items] == ["r1"]


def named(world: World, chosen: runs.RunFilter, order: Sequence[RunOrder] = ("id",)) -> list[str]:
    page = world.read(lambda tx: runs.list_runs(tx, "d", chosen=chosen, order=order))
    assert page.total == len(page.items)
    return [run.run_id for run in page.items]


def test_runs_are_listed_by_what_is_asked_of_them(world: World) -> None:
    world.declare(dag("d", task("a")))
    first, second = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    world.trigger("d", run_id="b", logical_date=second, run_after=second)
    world.trigger("d", run_id="a", logical_date=first, run_after=first)
    world.trigger("d", run_id="a_2", run_after=first)

    def within(of: RunMoment, comparison: Comparison, moment: datetime) -> list[str]:
        return named(world, runs.RunFilter(bounds=[runs.Bound(of, comparison, moment)]))

    assert within("run_after", "gte", second) == ["b"]
    assert within("run_after", "lte", first) == ["a", "a_2"]
    assert within("logical_date", "gt", first) == ["b"]
    assert within("logical_date", "lt", second) == ["a"]
    assert within("start_date", "gte", first) == []
    assert named(world, runs.RunFilter(name_part="a_")) == ["a_2"]
    assert named(world, runs.RunFilter(types=["scheduled"])) == []
    assert named(world, runs.RunFilter(types=["scheduled", "manual"], states=["queued", "running"], name_part="a")) == [
        "a",
        "a_2",
    ]


def test_runs_are_ordered_as_is_asked_and_then_by_their_making(world: World) -> None:
    world.declare(dag("d", task("a")))
    first, second = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    world.trigger("d", run_id="b", logical_date=second, run_after=second)
    world.trigger("d", run_id="a", logical_date=first, run_after=first)
    world.trigger("d", run_id="c", run_after=first)
    every = runs.RunFilter()
    assert named(world, every, ["run_after"]) == ["a", "c", "b"]
    assert named(world, every, ["-run_after"]) == ["b", "c", "a"]
    assert named(world, every, ["-run_after", "run_id"]) == ["b", "a", "c"]
    assert named(world, every, ["-dag_run_id"]) == ["c", "b", "a"]
    assert named(world, every, ["logical_date"]) == ["a", "b", "c"]
    assert named(world, every, ["-logical_date"]) == ["b", "a", "c"]


def test_an_instance_tells_what_its_last_try_told(world: World) -> None:
    handout = world.hand_out_one(retries=1)
    world.report(handout.dispatch_id, started())
    world.report(handout.dispatch_id, failed("no\0way"))
    row = world.instance()
    assert (row.state.value, row.try_number, row.failures, row.hostname, row.pid) == (
        "up_for_retry",
        1,
        1,
        "host",
        4711,
    )
    assert row.error is not None
    assert row.error["message"] == "no\0way"
    (first,) = world.read(lambda tx: runs.list_tries(tx, row.pk))
    assert (first.state, first.try_number, first.unixname) == ("failed", 1, "somebody")
    assert world.read(lambda tx: runs.get_try(tx, row.pk, 1)) == first
    with pytest.raises(Refused):
        world.read(lambda tx: runs.get_try(tx, row.pk, 2))


def test_times_of_a_try_lie_between_its_handing_out_and_now(world: World) -> None:
    handout = world.hand_out_one()
    fast = started().model_copy(update={"started_at": datetime(2100, 1, 1, tzinfo=UTC)})
    world.report(handout.dispatch_id, fast)
    slow = succeeded().model_copy(update={"ended_at": datetime(1980, 1, 1, tzinfo=UTC)})
    receipt = world.report(handout.dispatch_id, slow)
    assert receipt is not None
    row = world.instance()
    (only,) = world.read(lambda tx: runs.list_tries(tx, row.pk))
    assert only.started_at is not None
    assert only.ended_at is not None
    assert handout.claimed_at <= only.started_at <= receipt.recorded_at
    assert handout.claimed_at <= only.ended_at <= receipt.recorded_at


def test_every_change_of_state_is_an_event(world: World) -> None:
    handout = world.hand_out_one()
    world.report(handout.dispatch_id, started())
    world.report(handout.dispatch_id, succeeded())
    world.schedule()
    steps = [(one.machine, one.from_state, one.event, one.to_state) for one in world.events()]
    assert steps == [
        ("dag_run", None, "create", "queued"),
        ("task_instance", "none", "ready", "scheduled"),
        ("dag_run", "queued", "start", "running"),
        ("task_instance", "scheduled", "claim", "queued"),
        ("task_instance", "queued", "start", "running"),
        ("task_instance", "running", "succeed", "success"),
        ("dag_run", "running", "succeed", "success"),
    ]
    row = world.instance()
    of_instance = world.read(lambda tx: runs.list_events(tx, row.run_pk, instance_pk=row.pk))
    assert {one.task_id for one in of_instance} == {"t"}
    assert {one.dispatch_id for one in of_instance[1:]} == {handout.dispatch_id}
    everywhere = world.read(lambda tx: runs.list_all_events(tx, dag_id="d", task_id="t", limit=2))
    assert ([one.event for one in everywhere.items], everywhere.total) == (["succeed", "start"], 4)
    assert world.read(lambda tx: runs.list_all_events(tx, dag_id="other")).total == 0


def test_counts_of_states_are_those_of_the_instances(world: World) -> None:
    world.declare(dag("d", task("a"), task("b", "a"), task("c", "a")))
    run = world.trigger("d", run_id="r")
    world.schedule()
    assert world.read(lambda tx: runs.instance_states(tx, run.pk)) == {"scheduled": 1, "none": 2}
    page = world.read(lambda tx: runs.list_instances(tx, run.pk, states=["none"], limit=1))
    assert ([row.task_id for row in page.items], page.total) == (["b"], 2)


def test_what_is_not_there_is_not_found(world: World) -> None:
    world.declare(dag("d", task("a")))
    world.trigger("d", run_id="r")
    for dag_id, run_id, task_id in (("d", "x", "a"), ("x", "r", "a"), ("d", "r", "x"), ("d", "r", "\0")):
        with pytest.raises(Refused) as refused:
            world.read(lambda tx, d=dag_id, r=run_id, t=task_id: runs.get_instance(tx, d, r, t))  # type: ignore[misc]
        assert refused.value.reason is ProblemReason.NOT_FOUND

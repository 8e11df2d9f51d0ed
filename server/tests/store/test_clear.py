"""Clearing and running again: what is chosen, and what becomes new."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tradewind.server.contract import ProblemReason, TaskSucceeded, TriggerRule
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import audit, runs
from tradewind.server.store.runs import Clearing

from .by_hand import chain, clear, play, refusal, story, xcoms_of
from .world import World, dag, failed, interrupted, parsed, started, succeeded, task, task_id_of

DAYS = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3)]


def test_a_cleared_task_runs_again_and_its_run_begins_once_more(world: World) -> None:
    chain(world, b=failed())
    assert (world.run_row().state, world.states()) == (
        "failed",
        {"a": "success", "b": "failed", "c": "upstream_failed"},
    )
    assert clear(world, "b", downstream=True) == {"b", "c"}
    run = world.run_row()
    assert (run.state, run.clear_number, run.ended_at, run.started_at) == ("queued", 1, None, None)
    row = world.instance("b")
    assert (row.state.value, row.failures, row.try_number, row.try_id, row.error) == ("none", 0, 1, None, None)
    assert (row.started_at, row.ended_at, row.scheduled_at, row.reason) == (None, None, None, None)
    play(world)
    assert (world.run_row().state, world.states()) == ("success", dict.fromkeys("abc", "success"))
    assert [world.instance(task_id).try_number for task_id in "abc"] == [1, 2, 1]
    assert story(world, None) == ["create", "start", "fail", "clear", "start", "succeed"]


def test_clearing_gives_a_new_budget_of_retries(world: World) -> None:
    world.declare(dag("d", task("t", retries=1)))
    world.trigger("d", run_id="r")
    play(world, {"t": failed()})
    assert world.instance().state == "failed"
    clear(world)
    world.schedule()
    (handout,) = world.claim()
    world.report(handout.dispatch_id, failed())
    row = world.instance()
    assert (row.state.value, row.failures, row.try_number) == ("up_for_retry", 1, 3)


def test_xcoms_and_skips_of_a_cleared_task_are_gone_and_those_of_others_stay(world: World) -> None:
    world.declare(dag("d", task("a"), task("b", "a"), task("c", "a")))
    world.trigger("d", run_id="r")
    now = datetime.now(UTC)
    play(world, {"a": TaskSucceeded(started_at=now, ended_at=now, xcoms=succeeded(x=1).xcoms, skips=["c"])})
    assert world.states() == {"a": "success", "b": "success", "c": "skipped"}
    assert world.instance("a").skips == ["c"]
    clear(world, "a")
    assert world.instance("a").skips is None
    left = {of: [row.key for row in xcoms_of(world, of)] for of in "ab"}
    assert left == {"a": [], "b": ["x"]}


def test_a_running_run_goes_on(world: World) -> None:
    world.declare(dag("d", task("a"), task("b", "a")))
    world.trigger("d", run_id="r")
    world.schedule()
    (handout,) = world.claim()
    world.report(handout.dispatch_id, succeeded())
    clear(world, "a")
    run = world.run_row()
    assert (run.state, run.clear_number) == ("running", 0)
    play(world)
    assert world.run_row().state == "success"
    assert story(world, None) == ["create", "start", "succeed"]


def test_clearing_names_who_did_it(world: World) -> None:
    chain(world)
    clear(world, "b")
    (event,) = [event for event in world.events() if event.event == "clear" and event.task_id]
    assert (event.actor, event.from_state, event.to_state) == ("user:me", "success", "none")
    entry = world.read(audit.list_audit).items[0]
    assert (entry.actor, entry.action, entry.subject) == ("user:me", "clear_task_instances", "d/r")
    assert entry.detail["task_instances"] == 1


def test_a_whole_run_begins_once_more_even_if_nothing_in_it_ran(world: World) -> None:
    chain(world)
    assert clear(world, whole_run=True) == {"a", "b", "c"}
    assert clear(world, whole_run=True, only_failed=True) == set()
    run = world.run_row()
    assert (run.state, run.clear_number) == ("queued", 1)
    play(world)
    clear(world, whole_run=True, only_failed=True)
    assert (world.run_row().state, world.run_row().clear_number) == ("queued", 2)
    play(world)
    assert world.run_row().state == "success"


# What is chosen.


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "b"),
        ({"upstream": True}, "ab"),
        ({"downstream": True}, "bc"),
        ({"upstream": True, "downstream": True}, "abc"),
        ({"upstream": True, "downstream": True, "only_failed": True}, "bc"),
        ({"only_running": True}, ""),
    ],
)
def test_relatives_are_chosen_on_request(world: World, options: dict[str, Any], expected: str) -> None:
    chain(world, b=failed())
    assert clear(world, "b", **options) == set(expected)


def test_what_a_cleared_task_needs_is_cleared_with_it(world: World) -> None:
    world.declare(
        dag(
            "d",
            task("up", is_setup=True),
            task("work", "up"),
            task("more", "work"),
            task("down", "more", "up", is_teardown=True, trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS),
        )
    )
    world.trigger("d", run_id="r")
    play(world)
    assert clear(world, "work") == {"up", "work", "down"}


def test_only_running_instances_may_be_cleared(world: World) -> None:
    one, _ = world.hand_out(task("a"), task("b"))
    world.report(one.dispatch_id, started())
    assert clear(world, only_running=True) == {task_id_of(one)}


def dated_runs(world: World) -> None:
    world.declare(dag("d", task("t")))
    for day in DAYS:
        world.trigger("d", run_id=f"r{day.day}", logical_date=day)
    world.trigger("d", run_id="undated")
    play(world)


def cleared_runs(world: World) -> set[str]:
    return {run.run_id for run in world.read(lambda tx: runs.list_runs(tx, "d")).items if run.state == "queued"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"run_id": "r2"}, {"r2"}),
        ({"run_id": "r2", "past": True}, {"r1", "r2"}),
        ({"run_id": "r2", "future": True}, {"r2", "r3"}),
        ({"run_id": "r2", "past": True, "future": True}, {"r1", "r2", "r3"}),
        ({"run_id": "undated"}, {"undated"}),
        ({"run_id": None, "start": DAYS[1]}, {"r2", "r3"}),
        ({"run_id": None, "end": DAYS[1]}, {"r1", "r2"}),
        ({"run_id": None}, {"r1", "r2", "r3", "undated"}),
    ],
)
def test_runs_are_chosen_by_logical_date(world: World, options: dict[str, Any], expected: set[str]) -> None:
    dated_runs(world)
    clear(world, **options)
    assert cleared_runs(world) == expected


def test_bad_choices_are_refused_with_the_field(world: World) -> None:
    dated_runs(world)
    unknown = refusal(world, "t", "nonsense", run_id="r1")
    assert (unknown.reason, unknown.field) == (ProblemReason.INVALID_VALUE, "task_ids")
    assert "nonsense" in unknown.detail
    undated = refusal(world, run_id="undated", future=True)
    assert (undated.reason, undated.field) == (ProblemReason.INVALID_VALUE, "include_future")
    assert refusal(world, run_id="none").reason is ProblemReason.NOT_FOUND
    clearing = Clearing(dag_id="none", run_id="r1")
    with pytest.raises(Refused) as refused:
        world.write(lambda tx: runs.clear(tx, clearing, user="me"))
    assert (refused.value.reason, refused.value.field) == (ProblemReason.NOT_FOUND, "dag_id")
    assert cleared_runs(world) == set()


def test_a_run_that_is_ending_is_not_cleared(world: World) -> None:
    world.hand_out_one()
    world.write(lambda tx: runs.cancel_run(tx, "d", "r", user="me"))
    refused = refusal(world)
    assert (refused.reason, refused.field) == (ProblemReason.CONFLICT, "dag_run_id")
    world.schedule()
    assert world.run_row().state == "failed"
    clear(world)
    run = world.run_row()
    assert (run.state, run.cancelled_at, run.end_reason) == ("queued", None, None)


# The newest version.


def test_a_run_goes_on_with_the_newest_version_on_request(world: World) -> None:
    chain(world, c=failed())
    world.declare(dag("d", task("a"), task("c", "a", retries=3), task("new", "c", queue="other")))
    assert world.run_row().version_number == 1
    clear(world, "c")
    assert world.run_row().version_number == 1
    play(world, {"c": failed()})
    assert clear(world, "c", downstream=True, on_newest_version=True) >= {"c"}
    run = world.run_row()
    assert (run.version_number, run.state) == (2, "queued")
    assert world.states() == {"a": "success", "c": "none", "new": "none"}
    assert (world.instance("c").retries, world.instance("new").queue) == (3, "other")
    play(world)
    assert (world.run_row().state, world.states()) == ("success", dict.fromkeys(["a", "c", "new"], "success"))
    assert {event.task_id for event in world.events()} == {None, "a", "c", "new"}


def test_a_running_run_takes_the_newest_version_while_a_removed_task_runs(world: World) -> None:
    binding = world.connect().binding
    kept, gone = world.hand_out(task("a"), task("b"), worker=binding)
    assert [task_id_of(one) for one in (kept, gone)] == ["a", "b"]
    world.declare(dag("d", task("a"), task("c", "a")))
    clear(world, "a", on_newest_version=True)
    assert world.states() == {"a": "none", "c": "none"}
    with pytest.raises(Refused):
        world.report(gone.dispatch_id, started())
    world.report(gone.dispatch_id, interrupted())
    world.report(kept.dispatch_id, interrupted())
    play(world)
    assert (world.run_row().state, world.states()) == ("success", {"a": "success", "c": "success"})


def test_the_newest_snapshot_of_an_unchanged_version_is_taken(world: World) -> None:
    world.parse(parsed([dag("d", task("t"))], content=b"one"), content=b"one")
    world.trigger("d", run_id="r")
    play(world)
    before = world.run_row()
    world.parse(parsed([dag("d", task("t"))], content=b"two"), content=b"two")
    clear(world, on_newest_version=True)
    after = world.run_row()
    assert (after.dag_version_pk, after.version_number) == (before.dag_version_pk, before.version_number)
    assert after.snapshot != before.snapshot
    assert after.code_id != before.code_id


def test_a_dag_that_is_gone_has_no_newest_version(world: World) -> None:
    chain(world)
    world.declare(dag("other", task("t")))
    refused = refusal(world, on_newest_version=True)
    assert (refused.reason, refused.field) == (ProblemReason.CONFLICT, "run_on_latest_version")
    clear(world)
    assert world.run_row().state == "queued"

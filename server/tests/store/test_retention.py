"""What each rule of retention keeps and deletes, one by one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from tradewind.server.contract import DagRunType
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import Store, Transaction, api_processes, audit, bundles, retention, runs
from tradewind.server.store.retention import RetentionPlan
from tradewind.server.store.retention.plan import ROWS_PER_STEP
from tradewind.server.store.runs import Clearing

from .references import dangling
from .retained import DAY, a_day, keys, now, prune
from .timetabled import at, declare, end, hour, make
from .world import BUNDLE, World, dag, parsed, succeeded, task


def run_once(world: World, run_id: str, dag_id: str = "d", **options: Any) -> None:
    """A run that ends well."""
    world.trigger(dag_id, run_id=run_id, **options)
    world.schedule()
    for handout in world.claim(world.connect().binding):
        world.report(handout.dispatch_id, succeeded(value=1))
    world.schedule()


def run_ids(world: World, dag_id: str = "d") -> set[str]:
    return {run.run_id for run in world.read(lambda tx: runs.list_runs(tx, dag_id)).items}


@pytest.fixture
def deployed(world: World) -> World:
    world.declare(dag("d", task("t")))
    return world


def test_the_newest_runs_of_a_dag_stay_however_old(deployed: World) -> None:
    for run_id in ("first", "second", "third"):
        run_once(deployed, run_id)
    prune(deployed, now(deployed), a_day(runs_per_dag=2))
    assert run_ids(deployed) == {"second", "third"}
    prune(deployed, now(deployed))
    assert run_ids(deployed) == {"third"}


def test_zero_runs_per_dag_is_one(deployed: World) -> None:
    run_once(deployed, "only")
    prune(deployed, now(deployed), a_day(runs_per_dag=0))
    assert run_ids(deployed) == {"only"}


def test_failures_that_are_counted_for_a_pause_stay(world: World) -> None:
    world.declare(dag("d", task("t"), max_consecutive_failed_dag_runs=3))
    for run_id in ("first", "second", "third", "fourth"):
        run_once(world, run_id)
    prune(world, now(world))
    assert run_ids(world) == {"second", "third", "fourth"}


def test_only_runs_of_the_named_dags_go(deployed: World) -> None:
    deployed.declare(dag("e", task("t")), file="e.py")
    for number in range(3):
        run_once(deployed, f"r{number}", "d")
        run_once(deployed, f"r{number}", "e")
    parses = keys(deployed, "SELECT parse_id FROM parse")
    rows = prune(deployed, now(deployed), a_day(dag_ids=("e",)))
    assert rows["dag_run"] == 2
    assert len(run_ids(deployed, "d")) == 3
    assert keys(deployed, "SELECT parse_id FROM parse") == parses


def test_what_is_kept_for_ever_stays(deployed: World) -> None:
    for number in range(3):
        run_once(deployed, f"r{number}")
    assert prune(deployed, now(deployed), RetentionPlan()) == {}


def test_a_run_that_was_given_up_can_not_be_changed_and_is_deleted_by_the_next_round(deployed: World) -> None:
    for run_id in ("first", "second"):
        run_once(deployed, run_id)
    moment = now(deployed)
    plan = a_day()
    found = deployed.read(at(moment + DAY, lambda tx: retention.find_old_runs(tx, plan)))
    assert deployed.write(at(moment + DAY, lambda tx: retention.mark_runs(tx, plan, found.runs))) == 1
    clearing = Clearing(dag_id="d", run_id="first", whole_run=True)
    jobs: tuple[Callable[[Transaction], Any], ...] = (
        lambda tx: runs.clear(tx, clearing, user=None),
        lambda tx: runs.delete_run(tx, "d", "first", user=None),
    )
    for job in jobs:
        with pytest.raises(Refused, match="is being deleted"):
            deployed.write(job)
    deployed.write(lambda tx: runs.clear(tx, Clearing(dag_id="d", run_id="second", whole_run=True), user=None))
    assert prune(deployed, moment, RetentionPlan())["dag_run"] == 1
    assert run_ids(deployed) == {"second"}


def test_a_run_that_is_cleared_after_it_was_found_stays(deployed: World) -> None:
    for run_id in ("first", "second"):
        run_once(deployed, run_id)
    moment = now(deployed) + DAY
    plan = a_day()
    found = deployed.read(at(moment, lambda tx: retention.find_old_runs(tx, plan)))
    assert found.runs
    deployed.write(lambda tx: runs.clear(tx, Clearing(dag_id="d", run_id="first", whole_run=True), user=None))
    assert deployed.write(at(moment, lambda tx: retention.mark_runs(tx, plan, found.runs))) == 0


def test_a_live_run_whose_run_before_was_deleted_at_the_same_moment_is_looked_at_again(deployed: World) -> None:
    run_once(deployed, "first")
    deployed.trigger("d", run_id="second")
    deployed.schedule()
    deployed.write(
        lambda tx: tx.change(text("UPDATE dag_run SET held_by_run_pk = :gone WHERE run_id = 'second'"), {"gone": 4711})
    )
    prune(deployed, now(deployed))
    assert keys(deployed, "SELECT run_id FROM dag_run WHERE dirty_at IS NOT NULL") == {"second"}


def test_a_large_run_goes_in_steps_that_are_bounded(world: World) -> None:
    world.declare(dag("d", *(task(f"t{number}") for number in range(ROWS_PER_STEP + 100))))
    for run_id in ("large", "last"):
        world.trigger("d", run_id=run_id)
        world.write(partial(runs.cancel_run, dag_id="d", run_id=run_id, user="ada"))
        world.schedule()
    moment = now(world) + DAY
    plan = a_day()
    found = world.read(at(moment, lambda tx: retention.find_old_runs(tx, plan)))
    world.write(at(moment, lambda tx: retention.mark_runs(tx, plan, found.runs)))
    steps = 0
    while (deleted := world.write(lambda tx: retention.remove_runs(tx, plan, None))).after is not None:
        assert sum(deleted.rows.values()) <= 3 * ROWS_PER_STEP
        steps += 1
    assert steps > 2
    assert world.read(dangling) == []


def test_refused_calls_are_bounded_in_number_and_other_entries_are_not(world: World) -> None:
    def write(tx: Transaction) -> None:
        for number in range(ROWS_PER_STEP + 50):
            audit.append(tx, actor="nobody", action="refused", subject=str(number))
        audit.append(tx, actor="ada", action="set_variable", subject="kept")

    world.write(write)
    rows = prune(world, now(world), RetentionPlan(refused_calls=10))
    assert rows == {"audit": ROWS_PER_STEP + 40}
    assert keys(world, "SELECT subject FROM audit") == {
        "kept",
        *(str(number) for number in range(ROWS_PER_STEP + 40, ROWS_PER_STEP + 50)),
    }


def test_a_worker_session_goes_with_the_last_dispatch_that_names_it(deployed: World) -> None:
    for run_id in ("first", "second"):
        run_once(deployed, run_id)
    for instance_id in keys(deployed, "SELECT instance_id FROM worker_session"):
        deployed.connect(ended=[instance_id])
    used = "SELECT session_id FROM dispatch WHERE session_id IS NOT NULL"
    rows = prune(deployed, now(deployed))
    assert rows["worker_session"] >= 1
    assert keys(deployed, used) <= keys(deployed, "SELECT session_id FROM worker_session")


def test_signs_of_life_of_api_processes_that_died_are_deleted(world: World) -> None:
    world.write(lambda tx: api_processes.sign(tx, "dead"))
    rows = prune(world, now(world) + timedelta(hours=1))
    assert rows == {"api_process": 1}


def replace_code(world: World, number: int) -> None:
    content = f"version {number}".encode()
    declared = dag("d", task("t"), *(task(f"extra{number}") for _ in range(number > 0)))
    world.parse(parsed([declared], content=content), content=content)


def test_code_that_was_replaced_lately_stays(world: World) -> None:
    for number in range(3):
        replace_code(world, number)
    rows = prune(world, now(world) - DAY, a_day(code=timedelta(seconds=1)))
    assert not {"snapshot", "blob", "dag_version"} & set(rows)
    rows = prune(world, now(world))
    assert (rows["snapshot"], rows["blob"], rows["dag_version"]) == (2, 2, 2)


def test_a_snapshot_that_is_published_again_meanwhile_stays(world: World) -> None:
    for number in range(3):
        replace_code(world, number)
    moment, plan = now(world) + DAY, a_day()
    world.write(at(moment, lambda tx: retention.remove_parses(tx, plan, None)))
    unused = world.read(at(moment, lambda tx: retention.find_unused_snapshots(tx, plan)))
    assert unused is not None
    contents = sorted(world.read(lambda tx: retention.contents(tx, unused.keys)))
    world.publish(f=b"version 0")
    assert world.write(lambda tx: retention.remove_blobs(tx, unused, contents)) is None
    assert world.write(lambda tx: retention.remove_snapshots(tx, unused)) is None
    assert world.read(dangling) == []


def test_a_content_that_a_newer_snapshot_has_too_stays(world: World) -> None:
    world.publish(other=b"shared")
    for number in range(3):
        replace_code(world, number)
    prune(world, now(world))
    current = world.read(lambda tx: bundles.current_snapshot(tx, BUNDLE))
    assert current is not None
    assert world.read(lambda tx: bundles.file_content(tx, BUNDLE, current, "other.py")) == b"shared"


def test_what_would_be_deleted_is_counted_and_stays(deployed: World) -> None:
    for run_id in ("first", "second", "third"):
        run_once(deployed, run_id)
    moment = now(deployed)
    counted = deployed.read(at(moment + DAY, lambda tx: retention.count_what_is_old(tx, a_day())))
    assert len(run_ids(deployed)) == 3
    rows = prune(deployed, moment)
    assert counted == {table: rows[table] for table in counted}
    assert set(counted) >= {"dag_run", "task_instance", "task_try", "xcom", "event"}


def test_names_of_runs_and_parses_that_are_there_are_known(deployed: World) -> None:
    run_once(deployed, "first")
    parse_id = next(iter(keys(deployed, "SELECT parse_id FROM parse")))
    assert deployed.read(lambda tx: retention.known_runs(tx, "d", ["first", "other"])) == {"first"}
    assert deployed.read(lambda tx: retention.known_parses(tx, [parse_id, "other"])) == {parse_id}


def test_a_dated_run_after_the_last_scheduled_one_stays_where_the_schedule_catches_up(
    store: Store, world_of: Callable[[Store], World]
) -> None:
    world = world_of(store)
    declare(world, catchup=True, start_date=hour(11))
    first, *_ = make(world, hour(11) + timedelta(minutes=1))
    end(world, first)
    for number in (12, 13):
        world.trigger("d", run_id=f"by-hand-{number}", logical_date=hour(number))
        end(world, f"by-hand-{number}")
    world.trigger("d", run_id="newest", logical_date=datetime(2031, 1, 1, tzinfo=UTC))
    end(world, "newest")
    world.write(lambda tx: tx.change(text("UPDATE dag_run SET ended_at = queued_at"), {"": 0}))
    prune(world, hour(20))
    assert run_ids(world) == {first, "by-hand-12", "by-hand-13", "newest"}


def test_the_last_run_of_a_schedule_stays_behind_newer_ones_of_others(world: World) -> None:
    declare(world)
    (first,) = make(world)
    end(world, first)
    for number in (13, 14):
        name = f"triggered-{number}"
        world.trigger("d", run_id=name, logical_date=hour(number), run_type=DagRunType.OPERATOR_TRIGGERED)
        end(world, name)
    world.write(lambda tx: tx.change(text("UPDATE dag_run SET ended_at = queued_at"), {"": 0}))
    prune(world, hour(20))
    assert run_ids(world) == {first, "triggered-14"}

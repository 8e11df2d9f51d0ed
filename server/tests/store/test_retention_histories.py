"""Whatever happened before: retention deletes what is over, and leaves nothing in the air."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from tradewind.server.store import Store, Transaction, bundles
from tradewind.server.store.column_types import UtcDateTime

from .references import dangling, needed_blobs
from .retained import DAG_IDS, History, keys, now, prune, runs_before, table
from .world import World

SEEDS = range(4)
PARTS = {
    "task_instance": "run_pk",
    "event": "run_pk",
    "task_try": "instance_pk",
    "xcom": "instance_pk",
}


def build(world: World, seed: int) -> tuple[History, datetime]:
    """An old history, the moment at its end, and a young one."""
    history = History(world, seed)
    history.live_a_while(70)
    moment = now(world)
    history.live_a_while(25)
    return history, moment


def kept_by_rule(tx: Transaction, moment: datetime) -> set[int]:
    """Runs that must stay, told from all rows at once."""
    rows = tx.rows(
        text("SELECT * FROM dag_run ORDER BY pk").columns(ended_at=UtcDateTime(), logical_date=UtcDateTime())
    )
    by_dag: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_dag[row.dag_id].append(row)
    ended = ("success", "failed")
    kept = {row.pk for row in rows if row.state not in ended or row.ended_at >= moment}
    for row in rows:
        if row.state not in ended:
            kept.update(pk for pk in runs_before(tx, row.pk) if pk is not None)
    for dag_id, some in by_dag.items():
        kept.update(
            row.pk for row in [one for one in some if one.state in ended][-(3 if dag_id == "counting" else 1) :]
        )
        scheduled = [row for row in some if row.run_type == "scheduled"]
        if scheduled:
            last = scheduled[-1]
            kept.add(last.pk)
            kept.update(row.pk for row in some if row.logical_date and row.logical_date > last.logical_date)
        for line in (
            sorted((row for row in some if row.logical_date is not None), key=lambda row: row.logical_date),
            sorted((row for row in some if row.logical_date is None), key=lambda row: (row.run_after, row.pk)),
        ):
            kinds: tuple[Callable[[Any], bool], ...] = (
                lambda row: True,
                lambda row: row.run_type != "manual",
                lambda row: row.state == "success",
            )
            for kind in kinds:
                kept.update(row.pk for row in [one for one in line if kind(one)][-1:])
    kept.update(row.held_by_run_pk for row in rows if row.held_by_run_pk is not None)
    processes = text(
        "SELECT run_pk FROM task_instance JOIN dispatch ON dispatch.instance_pk = task_instance.pk"
        " WHERE dispatch.gone_at IS NULL"
    )
    return kept | {row.run_pk for row in tx.rows(processes)}


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_old_and_not_needed_is_gone_and_nothing_else(world: World, seed: int) -> None:
    history, moment = build(world, seed)
    assert world.read(dangling) == []
    expected = world.read(lambda tx: kept_by_rule(tx, moment))
    before = history.runs_before_live_ones()
    instances = {row[0]: row[1] for row in table_columns(world, "task_instance", "pk, run_pk")}
    whole = {name: table(world, name) for name in PARTS}
    rows = prune(world, moment)
    assert rows.get("dag_run"), rows
    assert keys(world, "SELECT pk FROM dag_run") == expected
    assert history.runs_before_live_ones() == before
    assert world.read(dangling) == []
    assert keys(world, "SELECT digest FROM blob") == world.read(needed_blobs)
    for name, owner in PARTS.items():
        position = column_position(world, name, owner)
        left = {
            row for row in whole[name] if (row[position] if owner == "run_pk" else instances[row[position]]) in expected
        }
        assert table(world, name) == left, name
    assert prune(world, moment) == {}


@pytest.mark.parametrize("seed", SEEDS)
def test_live_runs_go_on_with_their_code_and_end(world: World, seed: int) -> None:
    history, _ = build(world, seed)
    prune(world, now(world))
    live = table_columns(world, "dag_run", "bundle, snapshot, file", "state IN ('queued', 'running')")
    for bundle, snapshot, file in live:
        assert world.read(partial(bundles.file_content, bundle=bundle, digest=snapshot, path=file))
    history.restart_worker()
    history.finish_everything()
    assert world.read(dangling) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_catch_up_makes_no_run_a_second_time(world: World, seed: int) -> None:
    history, _ = build(world, seed)
    history.finish_everything()
    made = keys(world, "SELECT logical_date FROM dag_run WHERE dag_id = 'hourly' AND logical_date IS NOT NULL")
    prune(world, now(world))
    left = keys(world, "SELECT logical_date FROM dag_run WHERE dag_id = 'hourly' AND logical_date IS NOT NULL")
    history.change_code("hourly")
    for _ in range(20):
        history.schedule_hourly()
    again = keys(world, "SELECT logical_date FROM dag_run WHERE dag_id = 'hourly' AND logical_date IS NOT NULL")
    assert not (again - left) & made


def table_columns(world: World, name: str, columns: str, where: str = "TRUE") -> set[tuple[Any, ...]]:
    query = text(f"SELECT {columns} FROM {name} WHERE {where}")
    return {tuple(row) for row in world.read(lambda tx: tx.rows(query))}


def column_position(world: World, name: str, column: str) -> int:
    def query(tx: Transaction) -> int:
        return list(tx.rows(text(f"SELECT * FROM {name} LIMIT 1"))[0]._fields).index(column)

    return world.read(query)


def test_the_history_has_everything_that_retention_knows(store: Store, world_of: Callable[[Store], World]) -> None:
    world = world_of(store)
    history, moment = build(world, 1)
    assert {run.state.value for dag_id in DAG_IDS for run in history.runs(dag_id)} >= {"success", "failed"}
    rows = prune(world, moment)
    assert set(rows) >= {"dag_run", "task_instance", "task_try", "xcom", "event", "dispatch", "parse", "audit"}
    assert set(rows) >= {"operation_receipt", "dag_version", "snapshot", "blob"}

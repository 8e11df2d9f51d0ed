"""Logs go when nothing in the database names them any more, and no sooner."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.store.world import World, dag, task

from tradewind.server.api.log_retention import LogSweep, log_retention
from tradewind.server.api.logs import LogPlace, LogStore
from tradewind.server.settings import load_settings
from tradewind.server.store import Store

HOUR = 3600.0


@pytest.fixture
def world(store: Store) -> Iterator[World]:
    world = World(store)
    yield world
    world.close()


def put(directory: Path, place: LogPlace, *, hours_ago: float = 2) -> Path:
    """A log of some age; its folder."""
    LogStore(directory).put_segment(place, 0, b'{"event":"x"}\n')
    folder = directory.joinpath(*place.parts)
    moment = time.time() - hours_ago * HOUR
    for entry in (folder, *folder.rglob("*"), *folder.parents):
        if entry.is_relative_to(directory):
            os.utime(entry, (moment, moment))
    return folder


def run_place(run_id: str, dag_id: str = "d") -> LogPlace:
    return LogPlace.of_try(dag_id, run_id, "t", -1, 1)


def sweep(world: World, directory: Path, **options: Any) -> int:
    return world.run(LogSweep(world.store, directory, **options).run())


def test_logs_of_runs_that_are_gone_are_deleted(world: World, tmp_path: Path) -> None:
    world.declare(dag("d", task("t")), dag(".d", task("t")))
    kept, gone = [], []
    for dag_id in ("d", ".d"):
        world.trigger(dag_id, run_id=".kept")
        kept.append(put(tmp_path, run_place(".kept", dag_id)))
        gone.append(put(tmp_path, run_place("gone", dag_id)))
    assert sweep(world, tmp_path) == 2
    assert all(folder.exists() for folder in kept)
    assert not any(folder.exists() for folder in gone)


def test_a_log_that_was_written_lately_stays(world: World, tmp_path: Path) -> None:
    young = put(tmp_path, run_place("gone"), hours_ago=0)
    assert sweep(world, tmp_path) == 0
    assert young.exists()
    assert sweep(world, tmp_path, quiet_seconds=0) == 1


def test_logs_of_parses_that_are_gone_are_deleted(world: World, tmp_path: Path) -> None:
    world.declare(dag("d", task("t")))
    (parse_id,) = world.read(lambda tx: [row[0] for row in tx.rows(text("SELECT parse_id FROM parse"))])
    kept, gone = (put(tmp_path, LogPlace.of_parse(one)) for one in (parse_id, "gone"))
    assert sweep(world, tmp_path) == 1
    assert kept.exists()
    assert not gone.exists()


def test_what_is_kept_for_ever_keeps_its_logs(world: World, tmp_path: Path) -> None:
    places = [run_place("gone"), LogPlace.of_parse("gone")]
    folders = [put(tmp_path, place) for place in places]
    assert sweep(world, tmp_path, runs=False, parses=False) == 0
    assert all(folder.exists() for folder in folders)


def test_only_logs_of_the_named_dags_go(world: World, tmp_path: Path) -> None:
    gone, other, parse = (
        put(tmp_path, place) for place in (run_place("x"), run_place("x", "e"), LogPlace.of_parse("p"))
    )
    assert sweep(world, tmp_path, dag_ids=["d"]) == 1
    assert (gone.exists(), other.exists(), parse.exists()) == (False, True, True)


def test_what_an_interrupted_sweep_put_aside_goes(world: World, tmp_path: Path) -> None:
    aside = put(tmp_path, LogPlace(("%removed", "x")))
    assert sweep(world, tmp_path) == 0
    assert not aside.exists()


def test_a_log_store_that_was_never_written_to_is_no_error(world: World, tmp_path: Path) -> None:
    assert sweep(world, tmp_path / "nothing") == 0


def test_an_api_server_sweeps_by_itself(world: World, tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    folder = put(settings.logs_directory, run_place("gone"))

    async def scene() -> None:
        async with log_retention(world.store, settings, first=0, every=0.01) as swept:
            async with asyncio.timeout(30):
                await swept.wait()
        assert not folder.exists()

    world.run(scene())

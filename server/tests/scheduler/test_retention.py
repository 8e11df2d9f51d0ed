"""Retention beside a leader: it begins by itself, leaves the store to others, and survives what goes wrong."""

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tradewind.server.contract import DagRunState
from tradewind.server.scheduler.retention import Retention, Round, log_rows, plan_of
from tradewind.server.settings import RetentionSettings
from tradewind.server.store import Transaction, audit, runs
from tradewind.server.store.retention import RetentionPlan

from .conftest import World, play, serialized

A_BLINK = RetentionSettings(runs_days=1e-9, parses_days=1e-9, audit_days=1e-9)


async def run_some(world: World, *run_ids: str) -> None:
    for run_id in run_ids:
        await world.trigger("d", run_id)
        await world.until_ready("a")
        await world.claim()
        await world.finish("a")
        await world.until_run(DagRunState.SUCCESS, "d", run_id)


async def names(world: World) -> set[str]:
    return {run.run_id for run in (await world.store.read(lambda tx: runs.list_runs(tx, "d"))).items}


class Rounds:
    """Hears of what rounds delete."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self._heard = asyncio.Event()

    def tell(self, rows: dict[str, int]) -> None:
        self.rows.update(rows)
        self._heard.set()

    async def until(self, table: str, number: int) -> None:
        async with asyncio.timeout(30):
            while self.rows[table] < number:
                await self._heard.wait()
                self._heard.clear()


@asynccontextmanager
async def retaining(world: World, settings: RetentionSettings, **options: Any) -> AsyncIterator[Rounds]:
    """Retention of a leader, until the block ends."""
    stop, rounds = asyncio.Event(), Rounds()
    values: dict[str, Any] = {"is_leader": lambda: True, "every_seconds": 0.01, "look_seconds": 0.01, **options}
    running = asyncio.create_task(Retention(world.store, settings, tell=rounds.tell, **values).run(stop))
    try:
        yield rounds
    finally:
        stop.set()
        await running


def test_a_leader_deletes_old_runs_by_itself(world: World) -> None:
    async def scene() -> None:
        async with world.scheduler() as scheduler:
            await world.declare("d", [serialized("a")])
            await run_some(world, "first", "second", "third")
            async with retaining(world, A_BLINK, is_leader=lambda: scheduler.is_leader) as rounds:
                await rounds.until("dag_run", 2)
            assert await names(world) == {"third"}

    play(scene())


def test_what_was_deleted_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="tradewind.server.scheduler.retention")
    log_rows({"dag_run": 2, "event": 7})
    (record,) = caplog.records
    assert (record.dag_run, record.event) == (2, 7)  # type: ignore[attr-defined]


def test_who_does_not_lead_deletes_nothing(world: World) -> None:
    async def scene() -> None:
        asked = asyncio.Event()

        def is_leader() -> bool:
            asked.set()
            return False

        async with world.scheduler():
            await world.declare("d", [serialized("a")])
            await run_some(world, "first", "second")
        async with retaining(world, A_BLINK, is_leader=is_leader):
            await asked.wait()
        assert await names(world) == {"first", "second"}

    play(scene())


def test_a_live_run_goes_on_while_others_are_deleted(world: World) -> None:
    async def scene() -> None:
        async with world.scheduler():
            await world.declare("d", [serialized("a"), serialized("b", "a")])
            for run_id in ("first", "second"):
                await world.trigger("d", run_id)
                for task_id in ("a", "b"):
                    await world.until_ready(task_id)
                    await world.claim()
                    await world.finish(task_id)
                await world.until_run(DagRunState.SUCCESS, "d", run_id)
            await world.trigger("d", "live")
            await world.until_ready("a")
            await world.claim()
            deleted = await Round(world.store, plan_of(A_BLINK)).run()
            assert deleted["dag_run"] == 1
            await world.finish("a")
            await world.until_ready("b")
            await world.claim()
            await world.finish("b")
            await world.until_run(DagRunState.SUCCESS, "d", "live")

    play(scene())


def test_refused_calls_are_looked_at_between_rounds(world: World) -> None:
    async def scene() -> None:
        def write(tx: Transaction) -> None:
            for number in range(30):
                audit.append(tx, actor="nobody", action="refused", subject=str(number))

        async with retaining(world, RetentionSettings(refused_calls=10), every_seconds=86_400) as rounds:
            for number in (20, 50):
                await world.store.write(write)
                await rounds.until("audit", number)
        assert (await world.store.read(audit.list_audit)).total == 10

    play(scene())


def test_what_goes_wrong_is_logged_and_tried_again(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        asked, twice = itertools.count(1), asyncio.Event()

        def is_leader() -> bool:
            if next(asked) == 2:
                twice.set()
            return True

        await world.store.write(lambda tx: audit.append(tx, actor="ada", action="x", subject="x"))
        await world.store.write(rename("audit", "gone"))
        async with retaining(world, A_BLINK, is_leader=is_leader) as rounds:
            await twice.wait()
            assert "retention failed until its next round" in caplog.text
            await world.store.write(rename("gone", "audit"))
            await rounds.until("audit", 1)

    play(scene())


def rename(name: str, to: str) -> Callable[[Transaction], None]:
    def job(tx: Transaction) -> None:
        tx.change(text(f"ALTER TABLE {name} RENAME TO {to}"), {"": 0})

    return job


def test_settings_of_zero_keep_for_ever() -> None:
    zero = RetentionSettings(runs_days=0, parses_days=0, snapshots_days=0, audit_days=0, refused_calls=0)
    assert plan_of(zero) == RetentionPlan()
    assert plan_of(RetentionSettings()).runs == timedelta(days=90)


def test_several_rounds_at_once_delete_each_row_once(world: World) -> None:
    async def scene() -> None:
        async with world.scheduler():
            await world.declare("d", [serialized("a")])
            await run_some(world, *(f"r{number}" for number in range(8)))
        rounds = [Round(world.store, plan_of(A_BLINK), share=1.0).run() for _ in range(3)]
        deleted = await asyncio.gather(*rounds)
        assert sum(rows.get("dag_run", 0) for rows in deleted) == 7
        assert await names(world) == {"r7"}

    play(scene())

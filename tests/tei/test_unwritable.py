"""Rows that earlier versions took and no frame can hold cost what they belong to, and not the connection."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from sqlalchemy import text

from tests.tei.deployment import Deployment, deployed, make_dag
from tests.tei.frames import frame_of
from tests.tei.victims import SessionCaller
from tradewind.server.contract import ActivityKind
from tradewind.server.store import runs
from tradewind.server.store.rows import InstanceRow

SESSION_EXECUTOR = "worker_session"
STORED = json.dumps({"half of a pair": "\ud800"})


async def instance(deployment: Deployment, run_id: str) -> InstanceRow:
    return await deployment.store.read(lambda tx: runs.get_instance(tx, "pushed", run_id, "a"))


def test_a_try_that_no_frame_can_hold_fails_and_the_next_one_is_pushed(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path, dispatching=True) as deployment:
            await deployment.publish(make_dag("pushed", {"a": []}, executor=SESSION_EXECUTOR))
            bad = await deployment.trigger("pushed")
            spoil = text("UPDATE dag_run SET conf = :conf")
            await deployment.store.write(lambda tx: tx.change(spoil, {"conf": STORED}))
            ended = deployment.store.hints.subscribe("ended")
            async with (
                deployment.session(capacity={ActivityKind.EXECUTE_TASK.value: 1}) as (websocket, _),
                asyncio.timeout(30),
            ):
                while (found := await instance(deployment, bad)).state.value != "failed":
                    await ended.wait(1)
                good = await deployment.trigger("pushed")
                delivery = (await frame_of(websocket, "deliver"))["delivery"]
            ended.close()
            assert delivery["activity"]["task_try"]["run_id"] == good
            assert found.error is not None
            assert "cannot be written as JSON" in found.error["message"]

    asyncio.run(check())


def test_an_answer_that_no_frame_can_hold_is_a_fault_of_that_request_alone(tmp_path: Path) -> None:
    async def check() -> None:
        async with deployed(tmp_path) as deployment:
            await deployment.publish(make_dag("read", {"a": []}))
            await deployment.trigger("read")
            started = await deployment.start()

            spoil = text(
                "INSERT INTO xcom (instance_pk, key, value, written_at) "
                "SELECT pk, 'k', :value, 0 FROM task_instance WHERE dag_id = 'read'"
            )
            await deployment.store.write(lambda tx: tx.change(spoil, {"value": STORED}))
            async with deployment.session() as (websocket, _):
                ask = SessionCaller(websocket)
                status, problem = await ask("get_xcom", {"task_id": "a", "key": "k"}, started.token, None)
                assert (status, problem["reason"]) == (500, "internal_error")
                status, _ = await ask("get_xcom", {"task_id": "a", "key": "other"}, started.token, None)
                assert status == 404

    asyncio.run(check())

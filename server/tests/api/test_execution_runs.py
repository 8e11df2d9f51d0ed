"""Runs and XComs of other runs as tasks see them, within their grants."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from tests.api.deployment import Deployment, running_task

from tradewind.server.contract import Grants
from tradewind.server.store import audit, runs

OTHER = Grants(connections=[], variables=[], read_dags=["o*"])
TRIGGERS = Grants(connections=[], variables=[], trigger_dags=["other"])
NONE = Grants(connections=[], variables=[])
OWN_XCOM = "/execution/dags/etl/xcoms/extract/key"


async def left(d: Deployment, value: Any, dag_id: str = "etl", **run: Any) -> str:
    """A run of a DAG that is published, which has ended and has left an XCom; its id."""
    body = {"dag_run_id": str(value), **run}
    reply = await d.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)
    assert reply.status == 200, reply.content
    await d.schedule()
    handout = await d.claim()
    body = {"op_id": str(uuid.uuid4()), "value": value}
    reply = await d.call("PUT", "/execution/xcoms/key", body, token=d.token_of(handout))
    assert reply.status == 204, reply.content
    await d.finish(handout)
    return str(value)


def triggering(**changes: Any) -> dict[str, Any]:
    return {"op_id": str(uuid.uuid4()), "conf": {}, **changes}


def test_an_xcom_of_a_run_that_is_named_is_read(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("etl", {"extract": []})
        await left(d, "first")
        _, token = await running_task(d)
        assert await d.get(f"{OWN_XCOM}?run_id=first", token=token) == {"value": "first"}
        for path in (OWN_XCOM, f"{OWN_XCOM}?run_id=none", f"{OWN_XCOM}?run_id=first&map_index=0"):
            assert (await d.call("GET", path, token=token)).json["reason"] == "not_found"

    play(scenario)


def test_the_newest_xcom_until_the_own_date_is_found(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("etl", {"extract": []})
        await left(d, "monday", logical_date="2026-03-02T00:00:00Z")
        await left(d, "wednesday", logical_date="2026-03-04T00:00:00Z")
        await left(d, "friday", logical_date="2026-03-06T00:00:00Z")
        handout, token = await running_task(d, logical_date="2026-03-05T00:00:00Z")
        path = f"{OWN_XCOM}?include_prior_dates=true"
        assert await d.get(path, token=token) == {"value": "wednesday"}
        assert await d.get(f"{path}&run_id=monday", token=token) == {"value": "monday"}
        unknown = await d.call("GET", f"{path}&run_id=none", token=token)
        assert (unknown.json["reason"], unknown.json["field"]) == ("not_found", "run_id")
        body = {"op_id": str(uuid.uuid4()), "value": "own"}
        await d.call("PUT", "/execution/xcoms/key", body, token=token)
        assert await d.get(path, token=token) == {"value": "own"}
        assert handout.dispatch_id

    play(scenario)


def test_runs_without_a_date_are_in_the_order_of_their_start(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("etl", {"extract": []})
        await left(d, "dated", logical_date="2026-03-02T00:00:00Z")
        await left(d, "first")
        await left(d, "second")
        await left(d, "far", logical_date="2126-03-02T00:00:00Z")
        _, token = await running_task(d)
        assert await d.get(f"{OWN_XCOM}?include_prior_dates=true", token=token) == {"value": "second"}

    play(scenario)


@pytest.mark.parametrize("state", [None, "success", "failed"])
@pytest.mark.parametrize("dated", [True, False])
def test_the_previous_run_is_the_one_before_of_its_kind(
    *, play: Callable[..., None], state: str | None, dated: bool
) -> None:
    def date(day: int) -> dict[str, str]:
        return {"logical_date": f"2026-03-0{day}T00:00:00Z"} if dated else {}

    async def scenario(d: Deployment) -> None:
        await d.publish("etl", {"extract": []})
        path = "/execution/previous_run" + (f"?state={state}" if state else "")
        await left(d, "a", **date(2))
        await left(d, "b", **date(4))
        await left(d, "c", **({} if dated else {"logical_date": "2026-03-03T00:00:00Z"}))
        _, token = await running_task(d, logical_date=date(5).get("logical_date"))
        reply = await d.call("GET", path, token=token)
        if state == "failed":
            assert (reply.status, reply.json["field"]) == (404, "state")
        else:
            assert (reply.json["run_id"], reply.json["state"]) == ("b", "success")
            assert reply.json.get("logical_date") == date(4).get("logical_date")

    play(scenario)


def test_the_first_run_has_none_before(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        _, token = await running_task(d)
        assert (await d.call("GET", "/execution/previous_run", token=token)).json["reason"] == "not_found"

    play(scenario)


@pytest.mark.parametrize(
    ("path", "grants", "status"),
    [
        ("dags/other/runs/theirs", NONE, 403),
        ("dags/other/runs/theirs", OTHER, 200),
        ("dags/other/runs/theirs", TRIGGERS, 200),
        ("dags/other/runs/none", OTHER, 404),
        ("dags/etl/runs/ours", NONE, 200),
        ("dags/other/xcoms/extract/key?run_id=theirs", NONE, 403),
        ("dags/other/xcoms/extract/key?run_id=theirs", TRIGGERS, 403),
        ("dags/other/xcoms/extract/key?run_id=theirs", OTHER, 200),
        ("dags/other/xcoms/extract/key?include_prior_dates=true", OTHER, 200),
        ("dags/etl/xcoms/extract/key?run_id=ours", NONE, 200),
    ],
)
def test_other_dags_are_read_within_the_grants(
    play: Callable[..., None], path: str, grants: Grants, status: int
) -> None:
    async def scenario(d: Deployment) -> None:
        for dag_id, run_id in (("other", "theirs"), ("etl", "ours")):
            await d.publish(dag_id, {"extract": []})
            await left(d, run_id, dag_id)
        _, token = await running_task(d, grants=grants)
        before = (await d.store.read(audit.list_audit)).total
        reply = await d.call("GET", f"/execution/{path}", token=token)
        assert reply.status == status, reply.content
        trail = await d.store.read(audit.list_audit)
        # The own DAG is no secret of a task, and what does not exist was not read.
        assert trail.total - before == (0 if "/etl/" in path or status == 404 else 1)
        if status == 200 and "other" in path:
            assert trail.items[0].action == ("read_run" if "/runs/" in path else "read_xcom")
            assert trail.items[0].subject == "other"

    play(scenario, security={"grants": "deny"})


def test_a_task_triggers_a_run_once_for_an_operation(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("other", {"extract": []})
        handout, token = await running_task(d, grants=TRIGGERS)
        date = "2026-03-01T06:00:00Z"
        body = triggering(conf={"rows": 3}, logical_date=date, note="by a task")
        first, second = [(await d.call("POST", "/execution/dags/other/runs", body, token=token)).json for _ in range(2)]
        assert first == second
        page = await d.store.read(lambda tx: runs.list_runs(tx, "other"))
        assert page.total == 1
        run = page.items[0]
        assert (run.conf, run.note, run.run_type, run.triggered_by) == (
            {"rows": 3},
            "by a task",
            "operator_triggered",
            "operator",
        )
        assert (first["run_id"], first["logical_date"], first["state"]) == (run.run_id, date, "queued")
        entry = (await d.store.read(audit.list_audit)).items[0]
        assert (entry.action, entry.subject, entry.detail["run_id"]) == ("trigger_run", "other", run.run_id)
        assert entry.dispatch_id == handout.dispatch_id

    play(scenario, security={"grants": "deny"})


@pytest.mark.parametrize("grants", [NONE, OTHER])
def test_only_declared_dags_are_triggered(play: Callable[..., None], grants: Grants) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("other", {"extract": []})
        _, token = await running_task(d, grants=grants)
        for dag_id in ("other", "etl"):
            reply = await d.call("POST", f"/execution/dags/{dag_id}/runs", triggering(), token=token)
            assert (reply.status, reply.json["reason"], reply.json["field"]) == (403, "not_allowed", "dag_id")
        assert (await d.store.read(lambda tx: runs.list_runs(tx, "other"))).total == 0

    play(scenario, security={"grants": "deny"})


@pytest.mark.parametrize("by", ["run_id", "logical_date"])
def test_a_run_that_is_there_is_reset_when_asked_for(play: Callable[..., None], by: str) -> None:
    given = {"run_id": "mine"} if by == "run_id" else {"logical_date": "2026-03-01T06:00:00Z"}

    async def scenario(d: Deployment) -> None:
        await d.publish("other", {"extract": []})
        old = {"logical_date": "2026-03-01T06:00:00Z"}
        await left(d, "mine", "other", **old)
        handout, token = await running_task(d)
        body = triggering(reset=True, **given)
        for _ in range(2):
            reply = await d.call("POST", "/execution/dags/other/runs", body, token=token)
            assert (reply.json["run_id"], reply.json["state"]) == ("mine", "queued")
        page = await d.store.read(lambda tx: runs.list_runs(tx, "other"))
        assert (page.total, page.items[0].clear_number) == (1, 1), "once for an operation"
        trail = (await d.store.read(audit.list_audit)).items
        assert [entry.action for entry in trail[:2]] == ["trigger_run", "clear_run"]
        assert trail[1].actor == trail[0].actor
        new = await d.call("POST", "/execution/dags/other/runs", triggering(reset=True, run_id="new"), token=token)
        assert (new.status, new.json["run_id"]) == (200, "new")
        assert handout.dispatch_id

    play(scenario)


def test_a_run_may_wait_for_its_moment(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("other", {"extract": []})
        _, token = await running_task(d)
        later = "2126-03-01T06:00:00Z"
        reply = await d.call("POST", "/execution/dags/other/runs", triggering(run_after=later), token=token)
        assert (reply.json["run_after"], reply.json["run_type"]) == (later, "operator_triggered")
        assert "logical_date" not in reply.json

    play(scenario)


def test_a_name_that_is_taken_is_refused(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("other", {"extract": []})
        _, token = await running_task(d)
        for status in (200, 409):
            body = triggering(run_id="mine")
            reply = await d.call("POST", "/execution/dags/other/runs", body, token=token)
            assert reply.status == status
        assert (reply.json["reason"], reply.json["field"]) == ("already_exists", "run_id")
        none = await d.call("POST", "/execution/dags/none/runs", triggering(), token=token)
        assert (none.json["reason"], none.json["field"]) == ("not_found", "dag_id")

    play(scenario)

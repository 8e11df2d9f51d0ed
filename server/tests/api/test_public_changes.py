"""Clearing, marking, cancelling and deleting through the public API, in the words of Airflow's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.api.deployment import Deployment

from tradewind.server.contract import Started, TaskError, TaskFailed
from tradewind.server.store import dispatches

CLEAR = "/api/v2/dags/etl/clearTaskInstances"
RUNS = "/api/v2/dags/etl/dagRuns"
RUN = f"{RUNS}/one"
TASKS = f"{RUN}/taskInstances"


def failure() -> TaskFailed:
    error = TaskError(type="ValueError", message="no", retryable=False)
    return TaskFailed(ended_at=datetime.now(UTC), error=error)


async def publish(d: Deployment) -> None:
    await d.publish("etl", {"extract": [], "load": ["extract"], "report": ["load"]})


async def failed_run(d: Deployment) -> None:
    """A run whose second of three tasks has failed."""
    await publish(d)
    await d.call("POST", RUNS, {"dag_run_id": "one", "logical_date": "2026-01-01T00:00:00Z"})
    await d.schedule()
    await d.finish(await d.claim())
    await d.finish(await d.claim(), failure())


async def states(d: Deployment) -> dict[str, str | None]:
    page = await d.get(TASKS)
    return {one["task_id"]: one["state"] for one in page["task_instances"]}


async def ok(d: Deployment, method: str, path: str, body: Any = None) -> Any:
    reply = await d.call(method, path, body)
    assert reply.status == 200, reply.content
    return reply.json


def test_task_instances_are_cleared_after_a_dry_run(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await failed_run(d)
        body = {"dag_run_id": "one", "task_ids": ["load"], "include_downstream": True}
        dry = await ok(d, "POST", CLEAR, body)
        assert [one["task_id"] for one in dry["task_instances"]] == ["load", "report"]
        assert (dry["total_entries"], dry["task_instances"][0]["state"]) == (2, "failed")
        assert (await d.get(RUN))["state"] == "failed"
        cleared = await ok(d, "POST", CLEAR, {**body, "dry_run": False})
        assert [(one["task_id"], one["state"]) for one in cleared["task_instances"]] == [
            ("load", None),
            ("report", None),
        ]
        assert (await d.get(RUN))["state"] == "queued"
        await d.schedule()
        await d.finish(await d.claim())
        await d.finish(await d.claim())
        assert (await d.get(RUN))["state"] == "success"
        assert (await d.get(f"{TASKS}/load"))["try_number"] == 2

    play(scenario)


def test_only_failed_is_the_default_and_runs_are_named_by_date(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await failed_run(d)
        everything = await ok(d, "POST", CLEAR, {"only_failed": False})
        assert everything["total_entries"] == 3
        assert (await ok(d, "POST", CLEAR, {}))["total_entries"] == 2
        assert (await ok(d, "POST", CLEAR, {"only_running": True}))["total_entries"] == 0
        assert (await ok(d, "POST", CLEAR, {"start_date": "2026-01-02T00:00:00Z"}))["total_entries"] == 0
        dates = {"start_date": "2025-12-31T00:00:00Z", "end_date": "2026-01-01T00:00:00Z"}
        assert (await ok(d, "POST", CLEAR, dates))["total_entries"] == 2
        assert (await ok(d, "POST", CLEAR, {"task_ids": [["load", -1], "extract"]}))["total_entries"] == 1
        assert (await ok(d, "POST", CLEAR, {"task_ids": [["load", 3]]}))["total_entries"] == 0

    play(scenario)


@pytest.mark.parametrize(
    ("body", "status", "reason", "field"),
    [
        ({"only_failed": True, "only_running": True}, 422, "invalid_value", "only_running"),
        ({"dag_run_id": "one", "start_date": "2026-01-01T00:00:00Z"}, 422, "invalid_value", "start_date"),
        (
            {"start_date": "2026-01-02T00:00:00Z", "end_date": "2026-01-01T00:00:00Z"},
            422,
            "invalid_value",
            "end_date",
        ),
        ({"reset_dag_runs": False, "dry_run": False}, 422, "invalid_value", "reset_dag_runs"),
        ({"task_ids": []}, 422, "invalid_value", "task_ids"),
        ({"task_ids": ["nonsense"]}, 422, "invalid_value", "task_ids"),
        ({"dag_run_id": "none"}, 404, "not_found", "dag_run_id"),
        ({"dag_run_id": 7}, 422, "wrong_type", "dag_run_id"),
        ({"start_date": "2026-01-01T00:00:00"}, 422, "invalid_value", "start_date"),
        ({"nonsense": 1}, 422, "unknown_field", "nonsense"),
    ],
)
def test_a_wrong_choice_is_refused_with_its_field(
    play: Callable[..., None], body: dict[str, Any], status: int, reason: str, field: str
) -> None:
    async def scenario(d: Deployment) -> None:
        await failed_run(d)
        reply = await d.call("POST", CLEAR, body)
        assert (reply.status, reply.json["reason"], reply.json["field"]) == (status, reason, field)
        assert reply.json["action"]

    play(scenario)


def test_running_tasks_are_protected_on_request(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await publish(d)
        await d.call("POST", RUNS, {"dag_run_id": "one"})
        await d.schedule()
        handout = await d.claim()
        started = Started(hostname="host", unixname="me", pid=1, started_at=datetime.now(UTC))
        await d.services.store.write(lambda tx: dispatches.report_started(tx, handout.dispatch_id, started))
        body = {"dag_run_id": "one", "only_failed": False, "dry_run": False, "prevent_running_task": True}
        reply = await d.call("POST", CLEAR, body)
        assert (reply.status, reply.json["reason"], reply.json["field"]) == (409, "conflict", "prevent_running_task")
        assert (await states(d))["extract"] == "running"
        await ok(d, "POST", CLEAR, {**body, "prevent_running_task": False})
        assert (await states(d))["extract"] is None

    play(scenario)


def test_a_whole_run_is_cleared(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await failed_run(d)
        assert (await ok(d, "POST", f"{RUN}/clear", {}))["total_entries"] == 3
        assert (await ok(d, "POST", f"{RUN}/clear", {"only_failed": True}))["total_entries"] == 2
        run = await ok(d, "POST", f"{RUN}/clear", {"dry_run": False})
        assert (run["dag_run_id"], run["state"], run["end_date"]) == ("one", "queued", None)
        assert set((await states(d)).values()) == {None}
        assert (await d.call("POST", f"{RUNS}/none/clear", {})).status == 404

    play(scenario)


def test_a_run_goes_on_with_the_newest_version(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await failed_run(d)
        await d.publish("etl", {"extract": [], "load": ["extract"], "publish": ["load"]})
        run = await ok(
            d, "POST", f"{RUN}/clear", {"dry_run": False, "only_failed": True, "run_on_latest_version": True}
        )
        assert run["dag_versions"][0]["version_number"] == 2
        assert await states(d) == {"extract": "success", "load": None, "publish": None}

    play(scenario)


def test_the_state_and_the_note_of_a_run_are_set(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await failed_run(d)
        run = await ok(d, "PATCH", RUN, {"state": "success", "note": "looked at it"})
        assert (run["state"], run["note"]) == ("success", "looked at it")
        assert set((await states(d)).values()) == {"success"}
        run = await ok(d, "PATCH", f"{RUN}?update_mask=note", {"state": "failed", "note": None})
        assert (run["state"], run["note"]) == ("success", None)
        assert (await ok(d, "PATCH", RUN, {"state": "failed"}))["state"] == "failed"
        assert (await ok(d, "PATCH", RUN, {}))["state"] == "failed"
        assert (await ok(d, "PATCH", RUN, {"state": "queued"}))["state"] == "queued"
        assert (await ok(d, "PATCH", RUN, {"state": "queued"}))["state"] == "queued"
        await d.schedule()
        assert (await d.get(RUN))["state"] == "success"
        for body, field in (({"state": "running"}, "state"), ({"note": "x" * 1001}, "note")):
            reply = await d.call("PATCH", RUN, body)
            assert (reply.status, reply.json["reason"], reply.json["field"]) == (422, "invalid_value", field)
        assert (await d.call("PATCH", f"{RUNS}/none", {"state": "success"})).status == 404

    play(scenario)


def test_a_running_run_is_not_queued_by_hand(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await publish(d)
        await d.call("POST", RUNS, {"dag_run_id": "one"})
        await d.schedule()
        reply = await d.call("PATCH", RUN, {"state": "queued"})
        assert (reply.status, reply.json["reason"], reply.json["field"]) == (409, "conflict", "state")

    play(scenario)


def test_the_state_of_a_task_instance_is_set_after_a_dry_run(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await failed_run(d)
        body = {"new_state": "success", "include_upstream": True}
        dry = await ok(d, "PATCH", f"{TASKS}/load/dry_run", body)
        assert [(one["task_id"], one["state"]) for one in dry["task_instances"]] == [("load", "failed")]
        marked = await ok(d, "PATCH", f"{TASKS}/load", body)
        assert [(one["task_id"], one["state"]) for one in marked["task_instances"]] == [("load", "success")]
        assert marked["task_instances"][0]["reason"]["reason"] in {"marked", "ended"}
        assert await states(d) == {"extract": "success", "load": "success", "report": None}
        assert (await d.get(RUN))["state"] == "queued"
        again = await d.call("PATCH", f"{TASKS}/load", {"new_state": "success"})
        assert (again.status, again.json["reason"], again.json["field"]) == (409, "conflict", "new_state")
        wrong = await d.call("PATCH", f"{TASKS}/load", {"new_state": "running"})
        assert (wrong.status, wrong.json["reason"], wrong.json["field"]) == (422, "invalid_value", "new_state")
        missing = await d.call("PATCH", f"{TASKS}/none", {"new_state": "success"})
        assert (missing.status, missing.json["field"]) == (404, "task_id")
        undated = await d.call("PATCH", f"{TASKS}/load", {"new_state": "failed", "include_future": True})
        assert undated.status == 200

    play(scenario)


def test_the_note_of_a_task_instance_is_set_and_survives_a_clear(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await failed_run(d)
        noted = await ok(d, "PATCH", f"{TASKS}/load", {"note": "known"})
        assert [(one["task_id"], one["note"]) for one in noted["task_instances"]] == [("load", "known")]
        await ok(d, "POST", f"{RUN}/clear", {"dry_run": False})
        assert (await d.get(f"{TASKS}/load"))["note"] == "known"
        await ok(d, "PATCH", f"{TASKS}/load", {"note": None})
        assert (await d.get(f"{TASKS}/load"))["note"] is None

    play(scenario)


def test_a_run_is_cancelled_and_then_deleted(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await publish(d)
        await d.call("POST", RUNS, {"dag_run_id": "one"})
        await d.schedule()
        await d.claim()
        refused = await d.call("DELETE", RUN)
        assert (refused.status, refused.json["reason"], refused.json["field"]) == (409, "conflict", "dag_run_id")
        assert (await ok(d, "POST", f"{RUN}/cancel"))["state"] == "running"
        await d.schedule()
        assert (await d.get(RUN))["state"] == "failed"
        assert await states(d) == {"extract": "failed", "load": "skipped", "report": "skipped"}
        ended = await d.call("POST", f"{RUN}/cancel")
        assert (ended.status, ended.json["reason"]) == (409, "conflict")
        assert (await d.call("DELETE", RUN)).status == 204
        assert (await d.call("GET", RUN)).status == 404
        assert (await d.call("DELETE", RUN)).status == 404

    play(scenario)


def test_changes_by_hand_are_in_the_event_log_with_their_author(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await failed_run(d)
        await ok(d, "POST", CLEAR, {"dag_run_id": "one", "dry_run": False})
        entries = (await d.get("/api/v2/eventLogs?dag_id=etl"))["event_logs"]
        cleared = [entry for entry in entries if entry["event"].endswith("clear")]
        assert {entry["owner"] for entry in cleared} == {"user:a-admin"}
        assert {entry["task_id"] for entry in cleared} == {None, "load", "report"}

    play(scenario)

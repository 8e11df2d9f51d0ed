"""DAGs, runs, task instances and logs through the public API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import text
from tests.api.deployment import Deployment

from tradewind.server.api.logs import LogPlace
from tradewind.server.contract import DagImportError, ExecuteTask, TaskError, TaskFailed

RUNS = "/api/v2/dags/etl/dagRuns"


def test_dags_are_listed_and_shown(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("etl", {"extract": [], "load": ["extract"]}, retries=2)
        await d.publish("other", {"a": []})
        page = await d.get("/api/v2/dags?limit=1")
        assert (page["total_entries"], [dag["dag_id"] for dag in page["dags"]]) == (2, ["etl"])
        assert [dag["dag_id"] for dag in (await d.get("/api/v2/dags?offset=1"))["dags"]] == ["other"]
        assert (await d.get("/api/v2/dags?dag_id_pattern=the"))["total_entries"] == 1
        dag = await d.get("/api/v2/dags/etl")
        assert (dag["is_paused"], dag["relative_fileloc"], dag["tags"][0]["name"]) == (False, "etl.py", "test")
        details = await d.get("/api/v2/dags/etl/details")
        assert (details["doc_md"], details["latest_dag_version"]["version_number"]) == ("# Words", 1)
        assert (await d.get("/api/v2/dags/etl/dagVersions"))["total_entries"] == 1
        tasks = {task["task_id"]: task for task in (await d.get("/api/v2/dags/etl/tasks"))["tasks"]}
        assert tasks["extract"]["downstream_task_ids"] == ["load"]
        assert tasks["load"]["upstream_task_ids"] == ["extract"]
        assert tasks["load"]["retry_delay"] == {
            "__type": "TimeDelta",
            "days": 0,
            "seconds": 3661,
            "microseconds": 500000,
        }

    play(scenario)


def test_a_dag_is_paused_and_unpaused(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("etl", {"a": []})
        assert (await d.call("PATCH", "/api/v2/dags/etl", {"is_paused": True})).json["is_paused"] is True
        await d.call("POST", RUNS, {"dag_run_id": "one"})
        await d.schedule()
        run = await d.get(f"{RUNS}/one")
        assert (run["state"], run["reason"]["reason"]) == ("queued", "dag_paused")
        assert "paused" in run["reason_text"]
        assert [dag["dag_id"] for dag in (await d.get("/api/v2/dags?paused=true"))["dags"]] == ["etl"]
        await d.call("PATCH", "/api/v2/dags/etl", {"is_paused": False})
        await d.schedule()
        assert (await d.get(f"{RUNS}/one"))["state"] == "running"

    play(scenario)


def test_a_run_is_triggered_as_asked(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("etl", {"a": []})
        body = {
            "dag_run_id": "mine",
            "logical_date": "2026-01-01T00:00:00+01:00",
            "conf": {"deep": [1, {"x": None}]},
            "note": "for a test",
        }
        run = (await d.call("POST", RUNS, body)).json
        assert run["logical_date"] == "2025-12-31T23:00:00Z"
        assert (run["dag_run_id"], run["conf"], run["note"]) == ("mine", body["conf"], "for a test")
        assert (run["state"], run["run_type"], run["triggering_user_name"]) == ("queued", "manual", "a-admin")
        assert await d.get(f"{RUNS}/mine") == run
        again = await d.call("POST", RUNS, body)
        assert (again.status, again.json["reason"]) == (409, "already_exists")
        named = (await d.call("POST", RUNS, {"logical_date": None})).json
        assert named["dag_run_id"].startswith("manual__")
        assert (await d.call("POST", "/api/v2/dags/none/dagRuns", {})).status == 404

    play(scenario)


def test_runs_are_listed_of_one_dag_or_of_all(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        for dag_id in ("etl", "other"):
            await d.publish(dag_id, {"a": []})
            for run_id in ("one", "two"):
                await d.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"dag_run_id": run_id})
        await d.schedule()
        listed = await d.get(RUNS)
        assert ([run["dag_run_id"] for run in listed["dag_runs"]], listed["total_entries"]) == (["two", "one"], 2)
        oldest = await d.get(f"{RUNS}?order_by=run_after&limit=1")
        assert [run["dag_run_id"] for run in oldest["dag_runs"]] == ["one"]
        assert (await d.get("/api/v2/dags/~/dagRuns"))["total_entries"] == 4
        waiting = (await d.get(f"{RUNS}?state=queued&state=failed"))["dag_runs"]
        assert [run["dag_run_id"] for run in waiting] == ["two"]
        assert waiting[0]["reason"] == {"reason": "waiting_for_run_slot", "active_runs": 1, "max_active_runs": 1}
        assert (await d.call("GET", f"{RUNS}?state=odd")).json["reason"] == "invalid_value"
        assert (await d.call("GET", f"{RUNS}?order_by=conf")).json["reason"] == "invalid_value"

    play(scenario)


def test_task_instances_say_where_they_are_and_why(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("etl", {"extract": [], "load": ["extract"]}, retries=1)
        await d.call("POST", RUNS, {"dag_run_id": "one"})
        await d.schedule()
        path = f"{RUNS}/one/taskInstances"
        first, second = (await d.get(path))["task_instances"]
        assert (first["task_id"], first["state"], first["try_number"]) == ("extract", "scheduled", 0)
        assert (second["state"], second["reason"]["upstream"]) == (None, ["extract"])
        assert "extract" in second["reason_text"]
        now = datetime.now(UTC)
        error = TaskError(type="ValueError", message="no luck", retryable=True)
        await d.finish(await d.claim(), TaskFailed(started_at=now, ended_at=now, error=error))
        instance = await d.get(f"{path}/extract")
        assert (instance["state"], instance["max_tries"]) == ("up_for_retry", 1)
        assert instance["reason"]["reason"] == "retry_backoff"
        assert instance["error"]["message"] == "no luck"
        (task_try,) = (await d.get(f"{path}/extract/tries"))["task_instances"]
        assert (task_try["state"], task_try["try_number"]) == ("failed", 1)
        assert (await d.get(f"{path}?state=up_for_retry"))["total_entries"] == 1
        missing = await d.call("GET", f"{path}/extract?map_index=3")
        assert missing.json["reason"] == "not_found"

    play(scenario)


def test_the_log_of_a_try_is_what_came(play: Callable[..., None]) -> None:
    record = {"timestamp": "2026-01-01T00:00:00Z", "source": "stdout", "level": "info", "message": "grüße"}

    async def scenario(d: Deployment) -> None:
        await d.publish("etl", {"a": []})
        await d.call("POST", RUNS, {"dag_run_id": "one"})
        await d.schedule()
        handout = await d.claim()
        token = d.token_of(handout)
        lines = "".join(json.dumps({**record, "message": f"{n}"}) + "\n" for n in range(2)).encode()
        for _ in range(2):
            put = f"/execution/dispatches/{handout.dispatch_id}/logs/0"
            assert (await d.call("PUT", put, lines, token=token)).status == 204
        last = json.dumps(record, ensure_ascii=False).encode()
        put = f"/execution/dispatches/{handout.dispatch_id}/logs/1"
        assert (await d.call("PUT", put, last, token=token)).status == 204
        path = f"{RUNS}/one/taskInstances/a/logs"
        log = await d.get(f"{path}/1")
        assert [line["message"] for line in log["content"]] == ["0", "1", "grüße"]
        assert log["continuation_token"] == "3", "a try that is not over may write more"
        assert (await d.call("GET", f"{path}/2")).json["reason"] == "not_found"
        assert isinstance(handout.activity, ExecuteTask)
        tried = handout.activity.task_try
        place = LogPlace.of_try("etl", "one", "a", -1, tried.try_number)
        assert len(list(d.services.logs.records(place))) == 3

    play(scenario)


def test_a_wait_tells_the_end_of_the_run_when_it_comes(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("etl", {"a": []})
        await d.call("POST", RUNS, {"dag_run_id": "one"})
        waiting = asyncio.create_task(d.call("GET", f"{RUNS}/one/wait"))
        await d.schedule()
        handout = await d.claim()
        assert not waiting.done()
        await d.finish(handout)
        async with asyncio.timeout(20):
            reply = await waiting
        assert reply.headers["content-type"].startswith("application/x-ndjson")
        lines = [json.loads(line) for line in reply.content.splitlines()]
        assert lines[-1]["state"] == "success"
        assert lines[-1]["task_instances"] == {"success": 1}
        assert lines[-1]["duration"] is not None

    # The safety net would come too late: hints alone wake the waiting one.
    play(scenario, scheduler={"poll_seconds": 3600})


def test_a_wait_for_a_run_that_has_ended_is_one_line(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("etl", {"a": []})
        await d.call("POST", RUNS, {"dag_run_id": "one"})
        await d.schedule()
        await d.finish(await d.claim())
        reply = await d.call("GET", f"{RUNS}/one/wait")
        assert [json.loads(line)["state"] for line in reply.content.splitlines()] == ["success"]

    play(scenario)


def test_import_errors_name_file_and_line(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        error = DagImportError(file="lib/helper.py", line=7, type="SyntaxError", message="invalid syntax")
        await d.parsed("broken.py", [], error)
        (shown,) = (await d.get("/api/v2/importErrors"))["import_errors"]
        assert (shown["filename"], shown["line"], shown["type"]) == ("broken.py", 7, "SyntaxError")
        assert shown["stack_trace"] == "lib/helper.py:7: SyntaxError: invalid syntax"
        assert await d.get(f"/api/v2/importErrors/{shown['import_error_id']}") == shown

    play(scenario)


def test_events_tell_what_happened_newest_first(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("etl", {"a": []})
        await d.call("POST", RUNS, {"dag_run_id": "one"})
        await d.schedule()
        await d.finish(await d.claim())
        page = await d.get("/api/v2/eventLogs?dag_id=etl&run_id=one&limit=1000")
        assert (page["event_logs"][0]["event"], page["event_logs"][0]["to_state"]) == ("succeed", "success")
        assert page["total_entries"] == len(page["event_logs"]) > 4
        of_task = await d.get("/api/v2/eventLogs?task_id=a")
        assert {event["to_state"] for event in of_task["event_logs"]} >= {"scheduled", "queued", "success"}
        assert (await d.get("/api/v2/eventLogs?dag_id=none"))["total_entries"] == 0

    play(scenario)


def test_a_run_whose_conf_no_answer_can_hold_does_not_hide_the_others(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("etl", {"a": []})
        for run_id in ("bad", "good"):
            await d.call("POST", RUNS, {"dag_run_id": run_id, "conf": {"name": "ä"}})
        spoil = text("UPDATE dag_run SET conf = :conf WHERE run_id = 'bad'")
        stored = json.dumps({"name": "a\ud800", "deep": [{"\udfff": 1}]})
        await d.store.write(lambda tx: tx.change(spoil, {"conf": stored}))
        found = {run["dag_run_id"]: run["conf"] for run in (await d.get(RUNS))["dag_runs"]}
        assert found == {"good": {"name": "ä"}, "bad": {"name": "a\ufffd", "deep": [{"\ufffd": 1}]}}

    play(scenario)

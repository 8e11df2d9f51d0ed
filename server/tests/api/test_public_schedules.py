"""Schedules, parameters and versions through the public API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.api.deployment import EXECUTOR, Deployment

from tradewind.server.contract import (
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    Isolation,
    OnceTimetable,
    OnCut,
    SerializedDag,
    SerializedParam,
    SerializedTask,
    TriggerRule,
)
from tradewind.server.scheduler.due_runs import DueLook
from tradewind.server.store import Transaction, scheduling

DAG = "/api/v2/dags/etl"
RUNS = f"{DAG}/dagRuns"
VIENNA = CronDataIntervalTimetable(cron="@daily", timezone="Europe/Vienna")
FAR = datetime(2100, 1, 1, tzinfo=UTC)


def task(task_id: str, *upstream: str, **options: Any) -> SerializedTask:
    return SerializedTask(
        task_id=task_id,
        operator="EmptyOperator",
        operator_module="tradewind.sdk.standard.operators.empty",
        upstream=list(upstream),
        trigger_rule=TriggerRule.ALL_SUCCESS,
        retry_delay_seconds=60,
        queue="default",
        executor=EXECUTOR,
        isolation=Isolation.FORK,
        on_cut=OnCut.CONTINUE,
        owner="me",
        **{"retries": 0, **options},
    )


async def declare(d: Deployment, *tasks: SerializedTask, **options: Any) -> None:
    values: dict[str, Any] = {"tags": ["x"], "max_active_runs": 3, **options}
    await d.parsed("etl.py", [SerializedDag(dag_id="etl", tasks=list(tasks) or [task("a")], **values)])


async def make_due_runs(d: Deployment) -> None:
    def job(tx: Transaction) -> None:
        epoch = scheduling.take_leadership(tx, "test", 60)
        assert epoch is not None
        DueLook(tx, epoch).run()

    await d.store.write(job)


def test_a_dag_tells_its_schedule_and_its_next_run(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await declare(d, timetable=VIENNA, start_date=FAR, max_active_tasks=5, display_name="E T L")
        dag = await d.get(DAG)
        assert (dag["timetable_summary"], dag["timetable_description"]) == (
            "0 0 * * *",
            "At 00:00 every day (Europe/Vienna)",
        )
        assert {name: dag[name] for name in dag if name.startswith("next_dagrun")} == {
            "next_dagrun_logical_date": "2100-01-01T23:00:00Z",
            "next_dagrun_data_interval_start": "2100-01-01T23:00:00Z",
            "next_dagrun_data_interval_end": "2100-01-02T23:00:00Z",
            "next_dagrun_run_after": "2100-01-02T23:00:00Z",
        }
        assert (dag["max_active_tasks"], dag["max_active_runs"], dag["is_paused"]) == (5, 3, False)
        assert (dag["dag_display_name"], dag["tags"][0]["dag_display_name"]) == ("E T L", "E T L")
        assert (await d.get("/api/v2/dags"))["dags"] == [dag]

    play(scenario)


def test_a_dag_without_schedule_says_so(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await declare(d)
        dag = await d.get(DAG)
        assert (dag["timetable_summary"], dag["timetable_description"]) == (None, "Never, external triggers only")
        assert (dag["next_dagrun_run_after"], dag["dag_display_name"]) == (None, "etl")
        assert await d.get(f"{DAG}/nextRuns") == {"next_runs": [], "total_entries": 0}

    play(scenario)


def test_details_tell_dates_parameters_and_owners(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        params = {
            "day": SerializedParam(json_schema={"type": "string"}, description="which day"),
            "n": SerializedParam(value=None, json_schema={"type": ["integer", "null"]}),
        }
        await declare(
            d,
            start_date=datetime(2026, 1, 1, tzinfo=UTC),
            end_date=FAR,
            timezone="Europe/Vienna",
            catchup=True,
            fail_fast=True,
            dagrun_timeout_seconds=90_000.0,
            paused_upon_creation=False,
            params=params,
            owner_links={"me": "https://example.org/me"},
        )
        details = await d.get(f"{DAG}/details")
        assert (details["start_date"], details["end_date"]) == ("2026-01-01T00:00:00Z", "2100-01-01T00:00:00Z")
        assert (details["timezone"], details["catchup"], details["fail_fast"]) == ("Europe/Vienna", True, True)
        assert details["dag_run_timeout"] == {"__type": "TimeDelta", "days": 1, "seconds": 3600, "microseconds": 0}
        assert details["params"] == {
            "day": {"value": None, "schema": {"type": "string"}, "description": "which day", "required": True},
            "n": {"value": None, "schema": {"type": ["integer", "null"]}, "description": None, "required": False},
        }
        assert details["owner_links"] == {"me": "https://example.org/me"}
        assert (details["is_paused_upon_creation"], details["active_runs_count"]) == (False, 0)

    play(scenario)


def test_tasks_tell_what_limits_and_orders_them(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await declare(
            d,
            task("a", pool="small", pool_slots=2, priority_weight=7, execution_timeout_seconds=90.0, is_setup=True),
            task("b", "a", display_name="Bee", depends_on_past=True, task_group="g"),
        )
        first, second = (await d.get(f"{DAG}/tasks"))["tasks"]
        assert (first["pool"], first["pool_slots"], first["priority_weight"], first["is_setup"]) == (
            "small",
            2,
            7,
            True,
        )
        assert first["execution_timeout"] == {"__type": "TimeDelta", "days": 0, "seconds": 90, "microseconds": 0}
        assert (second["task_display_name"], second["depends_on_past"], second["task_group_id"]) == ("Bee", True, "g")
        assert (second["pool"], second["weight_rule"], second["execution_timeout"]) == (
            "default_pool",
            "downstream",
            None,
        )

    play(scenario)


def test_a_scheduled_run_tells_where_it_comes_from(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        start = datetime(2026, 1, 1, tzinfo=UTC)
        await declare(d, timetable=OnceTimetable(), start_date=start, display_name="E T L")
        await make_due_runs(d)
        await d.schedule()
        (run,) = (await d.get(RUNS))["dag_runs"]
        assert (run["run_type"], run["triggered_by"], run["triggering_user_name"]) == ("scheduled", "timetable", None)
        assert run["dag_run_id"] == "scheduled__2026-01-01T00:00:00+00:00"
        assert run["logical_date"] == run["run_after"] == run["data_interval_end"] == "2026-01-01T00:00:00Z"
        assert (run["state"], run["dag_display_name"]) == ("running", "E T L")
        assert [version["version_number"] for version in run["dag_versions"]] == [1]
        assert (await d.get(DAG))["next_dagrun_run_after"] is None
        assert (await d.get(f"{DAG}/details"))["active_runs_count"] == 1

    play(scenario)


def test_the_next_runs_are_listed(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await declare(d, timetable=VIENNA, start_date=FAR)
        page = await d.get(f"{DAG}/nextRuns?count=2")
        assert page["total_entries"] == 2
        assert [run["run_after"] for run in page["next_runs"]] == ["2100-01-02T23:00:00Z", "2100-01-03T23:00:00Z"]
        assert page["next_runs"][0]["logical_date"] == page["next_runs"][0]["data_interval_start"]
        assert len((await d.get(f"{DAG}/nextRuns"))["next_runs"]) == 10
        assert (await d.call("GET", f"{DAG}/nextRuns?count=0")).json["field"] == "count"
        assert (await d.call("GET", "/api/v2/dags/none/nextRuns")).status == 404

    play(scenario)


def test_a_dag_that_goes_on_has_its_next_run_in_the_future_or_just_now(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        hourly = CronTriggerTimetable(crons=["@hourly"], timezone="UTC")
        await declare(d, timetable=hourly, start_date=datetime(2026, 1, 1, tzinfo=UTC), paused_upon_creation=True)
        body = await d.call("PATCH", DAG, {"is_paused": False})
        due = datetime.fromisoformat(body.json["next_dagrun_run_after"])
        assert abs(due - datetime.now(UTC)) <= timedelta(hours=1)

    play(scenario)


def test_conf_must_meet_the_parameters(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        schema: dict[str, Any] = {"type": "integer", "minimum": 1}
        await declare(d, params={"n": SerializedParam(json_schema=schema, description="how many")})
        missing = await d.call("POST", RUNS, {})
        assert (missing.status, missing.json["reason"], missing.json["field"]) == (422, "missing_field", "conf.n")
        assert missing.json["action"] == "add n to conf (how many)"
        wrong = await d.call("POST", RUNS, {"conf": {"n": 0}})
        assert (wrong.status, wrong.json["reason"], wrong.json["field"]) == (422, "invalid_value", "conf.n")
        assert wrong.json["detail"] == "conf.n: 0 is less than the minimum of 1"
        assert (await d.call("POST", RUNS, {"conf": {"n": 1}})).status == 200

    play(scenario)


def test_dates_of_a_triggered_run_are_those_of_airflow(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await declare(d, timetable=VIENNA)
        run = (await d.call("POST", RUNS, {"logical_date": "2026-05-20T12:00:00+02:00"})).json
        assert run["dag_run_id"] == "manual__2026-05-20T10:00:00+00:00"
        assert (run["data_interval_start"], run["data_interval_end"]) == (
            "2026-05-18T22:00:00Z",
            "2026-05-19T22:00:00Z",
        )
        taken = await d.call("POST", RUNS, {"dag_run_id": "other", "logical_date": "2026-05-20T10:00:00Z"})
        assert (taken.status, taken.json["reason"], taken.json["field"]) == (409, "already_exists", "logical_date")
        assert "manual__2026-05-20T10:00:00+00:00" in taken.json["detail"]
        body = {"data_interval_start": "2026-01-01T00:00:00Z", "logical_date": "2026-01-02T00:00:00Z"}
        half = await d.call("POST", RUNS, body)
        assert (half.status, half.json["reason"], half.json["field"]) == (422, "missing_field", "data_interval_end")
        given = (await d.call("POST", RUNS, {**body, "data_interval_end": "2026-01-02T00:00:00Z"})).json
        assert given["data_interval_start"] == "2026-01-01T00:00:00Z"

    play(scenario)


def test_a_run_for_later_waits(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await declare(d)
        run = (await d.call("POST", RUNS, {"run_after": "2100-01-01T00:00:00Z", "note": "patience"})).json
        await d.schedule()
        shown = await d.get(f"{RUNS}/{run['dag_run_id']}")
        assert (shown["state"], shown["run_after"], shown["note"]) == ("queued", "2100-01-01T00:00:00Z", "patience")
        naive = await d.call("POST", RUNS, {"run_after": "2100-01-01T00:00:00"})
        assert (naive.status, naive.json["field"]) == (422, "run_after")

    play(scenario)


def test_versions_can_be_compared(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await declare(d, task("a"), task("b", "a"))
        await declare(d, task("a", retries=2), task("c", "a"), max_active_runs=4)
        assert [one["version_number"] for one in (await d.get(f"{DAG}/dagVersions"))["dag_versions"]] == [1, 2]
        plain = await d.get(f"{DAG}/dagVersions/2")
        assert (plain["version_number"], plain["compared_with"], plain["changes"]) == (2, None, None)
        compared = await d.get(f"{DAG}/dagVersions/2?compare_with=1")
        assert compared["compared_with"] == 1
        assert compared["changes"] == {
            "fields": [{"field": "max_active_runs", "before": 3, "after": 4}],
            "added_tasks": ["c"],
            "removed_tasks": ["b"],
            "changed_tasks": [{"task_id": "a", "fields": [{"field": "retries", "before": 0, "after": 2}]}],
        }
        for path, field in (
            (f"{DAG}/dagVersions/3", "version_number"),
            (f"{DAG}/dagVersions/1?compare_with=9", "compare_with"),
        ):
            missing = await d.call("GET", path)
            assert (missing.status, missing.json["field"]) == (404, field)
        assert (await d.call("GET", f"{DAG}/dagVersions/{2**70}")).status == 404

    play(scenario)

"""Choosing among runs through the public API, by the names of Airflow's parameters."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.api.deployment import Deployment

RUNS = "/api/v2/dags/etl/dagRuns"


async def publish_runs(d: Deployment) -> None:
    await d.publish("etl", {"a": []})
    for day in (1, 2, 3):
        moment = f"2026-01-0{day}T00:00:00Z"
        body = {"dag_run_id": f"day-{day}", "logical_date": moment, "run_after": moment}
        assert (await d.call("POST", RUNS, body)).status == 200


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["day-3", "day-2", "day-1"]),
        ("order_by=run_after", ["day-1", "day-2", "day-3"]),
        ("order_by=-state&order_by=logical_date", ["day-1", "day-2", "day-3"]),
        ("run_after_gte=2026-01-02T00:00:00Z", ["day-3", "day-2"]),
        ("run_after_gt=2026-01-02T00:00:00Z&run_after_lt=2026-01-03T01:00:00%2B01:00", []),
        ("logical_date_lte=2026-01-02T00:00:00Z&order_by=id", ["day-1", "day-2"]),
        ("start_date_gte=2026-01-01T00:00:00Z", []),
        ("end_date_lte=2027-01-01T00:00:00Z", []),
        ("run_type=scheduled", []),
        ("run_type=scheduled&run_type=manual&state=queued&state=failed", ["day-3", "day-2", "day-1"]),
        ("run_id_pattern=y-2", ["day-2"]),
    ],
)
def test_runs_are_chosen_by_the_query(play: Callable[..., None], query: str, found: list[str]) -> None:
    async def scenario(d: Deployment) -> None:
        await publish_runs(d)
        page = await d.get(f"{RUNS}?{query}")
        assert [run["dag_run_id"] for run in page["dag_runs"]] == found
        assert page["total_entries"] == len(found)

    play(scenario)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("run_after_gte=yesterday", "run_after_gte"),
        ("run_after_gte=2026-01-01T00:00:00", "run_after_gte"),
        ("logical_date_lte=1767225600", "logical_date_lte"),
        ("run_type=nightly", "run_type"),
        ("order_by=conf", "order_by"),
        ("run_after_from=2026-01-01T00:00:00Z", "run_after_from"),
    ],
)
def test_a_query_that_means_nothing_is_refused_by_its_name(play: Callable[..., None], query: str, field: str) -> None:
    async def scenario(d: Deployment) -> None:
        await d.publish("etl", {"a": []})
        reply = await d.call("GET", f"{RUNS}?{query}")
        assert reply.status in {400, 422}
        assert reply.json["field"].startswith(field)

    play(scenario)

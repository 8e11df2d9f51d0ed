"""What is wrong with a request to the public API is said by field, and nothing of it comes further than the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.api.deployment import Deployment

RUNS = "/api/v2/dags/dag/dagRuns"
HALF_A_PAIR = "\\ud800"


async def _published(d: Deployment) -> None:
    await d.publish("dag", {"a": []})
    await d.call("POST", RUNS, {"dag_run_id": "first"})


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (RUNS, f'{{"conf": {{"deep": [{{"x": "{HALF_A_PAIR}"}}]}}}}', "conf.deep.0.x"),
        (RUNS, f'{{"conf": {{"{HALF_A_PAIR}": 1}}}}', "conf"),
        (RUNS, f'{{"note": "{HALF_A_PAIR}"}}', "note"),
        ("/api/v2/variables", f'{{"key": "v", "value": "{HALF_A_PAIR}"}}', "value"),
        ("/api/v2/connections", f'{{"connection_id": "c", "conn_type": "x", "host": "{HALF_A_PAIR}"}}', "host"),
        ("/api/v2/pools", f'{{"name": "{HALF_A_PAIR}", "slots": 1}}', "name"),
    ],
)
def test_text_that_is_no_unicode_is_refused_before_it_is_kept(
    play: Callable[..., None], path: str, body: str, field: str
) -> None:
    async def scenario(d: Deployment) -> None:
        await _published(d)
        reply = await d.call("POST", path, body.encode())
        assert (reply.status, reply.json["reason"], reply.json["field"]) == (422, "invalid_value", field)
        assert (await d.call("GET", RUNS)).json["total_entries"] == 1

    play(scenario)


def test_a_pair_of_surrogates_is_a_character(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await _published(d)
        body = b'{"note": "\\ud83d\\ude00"}'
        reply = await d.call("POST", RUNS, body)
        assert (reply.status, reply.json["note"]) == (200, "\N{GRINNING FACE}")

    play(scenario)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"{RUNS}?run_after_before=2026-01-01T00:00:00Z", "run_after_before"),
        ("/api/v2/dags?limitt=1", "limitt"),
        ("/api/v2/dags/dag/dagRuns/first?limit=1", "limit"),
        ("/api/v2/dags/dag/dagRuns/first/taskInstances/a?map_indexx=0", "map_indexx"),
    ],
)
def test_a_query_parameter_that_a_route_does_not_have_is_refused(
    play: Callable[..., None], path: str, field: str
) -> None:
    async def scenario(d: Deployment) -> None:
        await _published(d)
        reply = await d.call("GET", path)
        assert (reply.status, reply.json["reason"], reply.json["field"]) == (422, "unknown_field", field)
        assert reply.json["action"]

    play(scenario)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v2/dags?offset={}", "offset"),
        (f"{RUNS}?offset={{}}", "offset"),
        (f"{RUNS}/first/taskInstances/a?map_index={{}}", "map_index"),
        (f"{RUNS}/first/taskInstances/a/logs/{{}}", "try_number"),
        (f"{RUNS}/first/taskInstances/a/logs/1?offset={{}}", "offset"),
        ("/api/v2/importErrors/{}", "import_error_id"),
        ("/api/v2/eventLogs?offset={}", "offset"),
    ],
)
@pytest.mark.parametrize("number", [2**31, 2**70])
def test_a_number_that_no_column_holds_is_refused(
    play: Callable[..., None], path: str, field: str, number: int
) -> None:
    async def scenario(d: Deployment) -> None:
        await _published(d)
        reply = await d.call("GET", path.format(number))
        assert (reply.status, reply.json["reason"], reply.json["field"]) == (422, "invalid_value", field)

    play(scenario)


def test_a_body_that_is_not_declared_as_json_says_so(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await _published(d)
        reply = await d.call("POST", RUNS, b"{}", content_type="text/plain")
        assert (reply.status, reply.json["reason"], reply.json["field"]) == (400, "malformed_body", "Content-Type")

    play(scenario)


def test_json_that_breaks_off_says_where(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await _published(d)
        reply = await d.call("POST", RUNS, b'{"conf": }')
        assert (reply.status, reply.json["reason"]) == (400, "malformed_body")
        assert reply.json["detail"].endswith("at character 9")

    play(scenario)


@pytest.mark.parametrize("given", [5, 1.5e9])
def test_a_number_is_no_date(play: Callable[..., None], given: float) -> None:
    async def scenario(d: Deployment) -> None:
        await _published(d)
        reply = await d.call("POST", RUNS, {"logical_date": given})
        assert (reply.status, reply.json["reason"], reply.json["field"]) == (422, "wrong_type", "logical_date")

    play(scenario)


@pytest.mark.parametrize("slots", ["3", True, 1.5, None])
def test_slots_are_a_whole_number(play: Callable[..., None], slots: Any) -> None:
    async def scenario(d: Deployment) -> None:
        reply = await d.call("POST", "/api/v2/pools", {"name": "p", "slots": slots})
        assert (reply.status, reply.json["reason"], reply.json["field"]) == (422, "wrong_type", "slots")

    play(scenario)


@pytest.mark.parametrize("extra", ["{no json", "[]", '"text"', "[" * 100_000])
def test_extra_of_a_connection_is_the_text_of_an_object(play: Callable[..., None], extra: str) -> None:
    async def scenario(d: Deployment) -> None:
        body = {"connection_id": "c", "conn_type": "x", "extra": extra}
        reply = await d.call("POST", "/api/v2/connections", body)
        assert (reply.status, reply.json["reason"], reply.json["field"]) == (422, "invalid_value", "extra")

    play(scenario)


def test_runs_of_a_dag_that_does_not_exist_are_not_found(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        reply = await d.call("GET", "/api/v2/dags/none/dagRuns")
        assert (reply.status, reply.json["field"]) == (404, "dag_id")
        assert (await d.call("GET", "/api/v2/dags/~/dagRuns")).json["total_entries"] == 0

    play(scenario)


def test_a_worker_with_an_impossible_name_is_not_found(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        reply = await d.call("POST", "/api/v2/workers/%00/drain", {})
        assert (reply.status, reply.json["field"]) == (404, "worker")

    play(scenario)


@pytest.mark.parametrize(
    ("collection", "new", "name_field"),
    [
        ("variables", {"key": "one", "value": "old", "description": "kept"}, "key"),
        ("pools", {"name": "one", "slots": 1, "description": "kept"}, "name"),
        ("connections", {"connection_id": "one", "conn_type": "x", "description": "kept"}, "connection_id"),
    ],
)
def test_a_patch_may_repeat_the_name_and_changes_what_its_mask_names(
    play: Callable[..., None], collection: str, new: dict[str, Any], name_field: str
) -> None:
    async def scenario(d: Deployment) -> None:
        at = f"/api/v2/{collection}"
        assert (await d.call("POST", at, new)).status == 201
        whole = {**new, "description": "new"}
        other = next(field for field in new if field not in {name_field, "description"})
        masked = await d.call("PATCH", f"{at}/one?update_mask={other}", whole)
        assert (masked.status, masked.json["description"]) == (200, "kept")
        assert (await d.call("PATCH", f"{at}/one", whole)).json["description"] == "new"
        renamed = await d.call("PATCH", f"{at}/one", {**whole, name_field: "two"})
        assert (renamed.status, renamed.json["reason"], renamed.json["field"]) == (422, "invalid_value", name_field)
        unknown = await d.call("PATCH", f"{at}/one?update_mask=colour", whole)
        assert (unknown.status, unknown.json["reason"]) == (422, "unknown_field")

    play(scenario)

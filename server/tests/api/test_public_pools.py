"""Pools through the public API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.api.deployment import Deployment

from tradewind.server.store import audit

PATH = "/api/v2/pools"


def test_a_pool_is_made_changed_and_deleted(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        made = await d.call("POST", PATH, {"name": "a/b", "slots": 4, "description": "words"})
        expected = {
            "name": "a/b",
            "slots": 4,
            "description": "words",
            "include_deferred": False,
            "occupied_slots": 0,
            "running_slots": 0,
            "queued_slots": 0,
            "scheduled_slots": 0,
            "open_slots": 4,
            "deferred_slots": 0,
        }
        assert (made.status, made.json) == (201, expected)
        again = await d.call("POST", PATH, {"name": "a/b", "slots": 4})
        assert (again.status, again.json["reason"], again.json["field"]) == (409, "already_exists", "name")
        one = f"{PATH}/a/b"
        changed = await d.call("PATCH", one, {"slots": -1, "description": None, "name": "a/b"})
        assert (changed.json["slots"], changed.json["open_slots"], changed.json["description"]) == (-1, -1, None)
        assert await d.get(one) == changed.json
        listed = await d.get(PATH)
        assert ([pool["name"] for pool in listed["pools"]], listed["total_entries"]) == (["a/b", "default_pool"], 2)
        found = await d.get(f"{PATH}?pool_name_pattern=default&limit=1")
        assert [pool["name"] for pool in found["pools"]] == ["default_pool"]
        assert (await d.call("DELETE", one)).status == 204
        assert (await d.call("DELETE", one)).json["reason"] == "not_found"
        trail = await d.store.read(audit.list_audit)
        assert [(row.action, row.subject) for row in trail.items] == [
            ("delete_pool", "a/b"),
            ("set_pool", "a/b"),
            ("set_pool", "a/b"),
        ]

    play(scenario)


def test_the_default_pool_can_be_changed_and_not_deleted(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        assert (await d.call("PATCH", f"{PATH}/default_pool", {"slots": 7})).json["slots"] == 7
        refused = await d.call("DELETE", f"{PATH}/default_pool")
        assert (refused.status, refused.json["reason"], refused.json["field"]) == (409, "conflict", "pool_name")
        assert "cannot be deleted" in refused.json["detail"]

    play(scenario)


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        ({"slots": 1}, "missing_field", "name"),
        ({"name": "p"}, "missing_field", "slots"),
        ({"name": "", "slots": 1}, "invalid_value", "name"),
        ({"name": "p" * 257, "slots": 1}, "invalid_value", "name"),
        ({"name": "p", "slots": -2}, "invalid_value", "slots"),
        ({"name": "p", "slots": "many"}, "wrong_type", "slots"),
        ({"name": "p", "slots": 1, "include_deferred": "perhaps"}, "wrong_type", "include_deferred"),
        ({"name": "p", "slots": 1, "size": 3}, "unknown_field", "size"),
    ],
)
def test_a_pool_that_is_no_pool_is_refused(
    play: Callable[..., None], body: dict[str, Any], reason: str, field: str
) -> None:
    async def scenario(d: Deployment) -> None:
        refused = await d.call("POST", PATH, body)
        assert (refused.json["reason"], refused.json["field"]) == (reason, field)

    play(scenario)


@pytest.mark.parametrize(
    ("body", "field"),
    [({"slots": None}, "slots"), ({"include_deferred": None}, "include_deferred"), ({"name": "other"}, "name")],
)
def test_a_change_that_is_no_change_is_refused(play: Callable[..., None], body: dict[str, Any], field: str) -> None:
    async def scenario(d: Deployment) -> None:
        refused = await d.call("PATCH", f"{PATH}/default_pool", body)
        assert (refused.json["reason"], refused.json["field"]) == ("invalid_value", field)

    play(scenario)


def test_a_viewer_may_look_and_not_change(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        viewer = await d.credential("viewer")
        assert (await d.get(PATH, token=viewer))["total_entries"] == 1
        refused = await d.call("POST", PATH, {"name": "p", "slots": 1}, token=viewer)
        assert refused.json["reason"] == "not_allowed"

    play(scenario)

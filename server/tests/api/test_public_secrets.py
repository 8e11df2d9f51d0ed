"""Variables and connections through the public API: secrets go in and do not come out."""

from __future__ import annotations

from collections.abc import Callable

from tests.api.deployment import Deployment

from tradewind.server.store import audit, secrets

SECRET = "s3cr3t-v4lue"
FULL = {
    "connection_id": "warehouse/main",
    "conn_type": "postgres",
    "host": "db",
    "login": "me",
    "password": SECRET,
    "schema": "public",
    "port": 5432,
    "extra": f'{{"key": "{SECRET}"}}',
}


def test_a_variable_is_made_changed_and_deleted(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        made = await d.call("POST", "/api/v2/variables", {"key": "a/b", "value": {"x": 1}, "description": "words"})
        assert (made.status, made.json["value"]) == (201, '{"x": 1}')
        again = await d.call("POST", "/api/v2/variables", {"key": "a/b", "value": "y"})
        assert (again.status, again.json["reason"]) == (409, "already_exists")
        path = "/api/v2/variables/a/b"
        changed = await d.call("PATCH", path, {"value": "new"})
        assert (changed.json["value"], changed.json["description"]) == ("new", "words")
        assert (await d.get(path))["value"] == "new"
        assert (await d.call("DELETE", path)).status == 204
        assert (await d.call("DELETE", path)).json["reason"] == "not_found"
        trail = await d.store.read(audit.list_audit)
        assert [(row.action, row.subject, row.actor) for row in trail.items] == [
            (action, "a/b", "admin:a-admin") for action in ("delete_variable", "set_variable", "set_variable")
        ]

    play(scenario)


def test_a_viewer_sees_that_a_variable_exists_and_not_its_value(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await d.call("POST", "/api/v2/variables", {"key": "k", "value": SECRET})
        viewer = await d.credential("viewer")
        (listed,) = (await d.get("/api/v2/variables", token=viewer))["variables"]
        assert (listed["key"], listed["value"]) == ("k", None)
        assert (await d.get("/api/v2/variables/k", token=viewer))["value"] is None
        assert (await d.get("/api/v2/variables"))["variables"][0]["value"] == SECRET

    play(scenario)


def test_a_connection_keeps_its_secrets_to_itself(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        path = "/api/v2/connections/warehouse/main"
        replies = [
            await d.call("POST", "/api/v2/connections", FULL),
            await d.call("GET", "/api/v2/connections"),
            await d.call("GET", path),
            await d.call("PATCH", path, {"port": 5433, "description": "the warehouse", "login": None}),
        ]
        assert [reply.status for reply in replies] == [201, 200, 200, 200]
        assert not any(SECRET.encode() in reply.content for reply in replies)
        shown = replies[-1].json
        assert (shown["port"], shown["login"], shown["schema"]) == (5433, None, "public")
        assert (shown["has_password"], shown["has_extra"]) == (True, True)
        kept = await d.store.read(lambda tx: secrets.get_connection(tx, "warehouse/main"))
        assert kept is not None
        assert (kept.password, kept.host, kept.port, kept.login) == (SECRET, "db", 5433, None)
        assert (await d.call("POST", "/api/v2/connections", FULL)).json["reason"] == "already_exists"
        assert (await d.call("PATCH", path, {"conn_type": None})).json["field"] == "conn_type"
        assert (await d.call("PATCH", path, {"password": None})).json["has_password"] is False
        assert (await d.call("DELETE", path)).status == 204
        assert (await d.call("GET", path)).json["reason"] == "not_found"
        trail = await d.store.read(audit.list_audit)
        assert SECRET not in repr(trail.items)

    play(scenario)


def test_a_connection_without_a_type_is_refused(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        reply = await d.call("POST", "/api/v2/connections", {"connection_id": "c"})
        assert (reply.json["reason"], reply.json["field"]) == ("missing_field", "conn_type")

    play(scenario)


def test_an_export_gives_out_secrets_to_admins_alone_and_is_noted(play: Callable[..., None]) -> None:
    async def scenario(d: Deployment) -> None:
        await d.call("POST", "/api/v2/connections", FULL)
        viewer = await d.credential("viewer")
        refused = await d.call("POST", "/api/v2/exports/connections", {}, token=viewer)
        assert (refused.status, refused.json["reason"]) == (403, "not_allowed")
        exported = await d.call("POST", "/api/v2/exports/connections", {})
        (connection,) = exported.json["connections"]
        assert connection == {**FULL, "description": None}
        trail = await d.store.read(audit.list_audit)
        assert ("export_connections", "admin:a-admin") in [(row.action, row.actor) for row in trail.items]

    play(scenario)

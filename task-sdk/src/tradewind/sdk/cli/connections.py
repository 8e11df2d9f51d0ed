"""`tradewind connections …`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from tradewind.sdk.cli.connection import EXIT_WRONG_USE, CommandFailed, open_api, path_of
from tradewind.sdk.cli.files import json_value, read_objects, write_objects
from tradewind.sdk.cli.output import output_option, print_fields, print_json, print_table
from tradewind.sdk.cli.stored import delete_all, existing_option, import_all, listed, put

if TYPE_CHECKING:
    from tradewind.sdk.client.http import PublicApi

FIELDS = ("conn_type", "description", "host", "login", "password", "schema", "port", "extra")


@click.group()
def connections() -> None:
    """Connections: list, get, set, delete, import, export."""


@connections.command(name="list")
@output_option
def list_connections(output: str) -> None:
    """List the connections, without their secrets."""
    with open_api() as api:
        rows = list(listed(api, "connections"))
    if output == "json":
        print_json(rows)
    else:
        print_table(rows, ["connection_id", "conn_type", "host", "port", "schema", "login", "description"])


@connections.command()
@click.argument("conn_id")
@output_option
def get(conn_id: str, output: str) -> None:
    """Show a connection, without its secrets."""
    with open_api() as api:
        found = api.get(path_of("connections", conn_id))
    if output == "json":
        print_json(found)
    else:
        shown = ["connection_id", "conn_type", "description", "host", "port", "schema", "login"]
        print_fields(found, [*shown, "has_password", "has_extra"])


@connections.command(name="set")
@click.argument("conn_id")
@click.option("--conn-uri", "--uri", metavar="URI", help="All of it as a URI: type://login:password@host:port/schema.")
@click.option("--conn-json", metavar="JSON", help="All of it as a JSON object.")
@click.option("--conn-type", help="Kind of the connection, such as postgres.")
@click.option("--conn-description", help="Words about it.")
@click.option("--conn-host", help="Name or address of the host.")
@click.option("--conn-login", help="User name.")
@click.option("--conn-password", help="Secret; `-` asks for it without showing it.")
@click.option("--conn-schema", help="Database or schema on the host.")
@click.option("--conn-port", type=click.IntRange(0, 65535), help="TCP port.")
@click.option("--conn-extra", metavar="JSON", help="Further settings as a JSON object.")
def set_connection(conn_id: str, conn_uri: str | None, conn_json: str | None, **given: Any) -> None:
    """Create or change a connection: from a URI, from JSON, or field by field."""
    named = {name.removeprefix("conn_"): value for name, value in given.items() if value is not None}
    fields = {"conn_type" if name == "type" else name: value for name, value in named.items()}
    ways = [way for way in (conn_uri, conn_json, fields or None) if way is not None]
    if len(ways) != 1:
        raise CommandFailed("give one of --conn-uri, --conn-json, or the single fields", EXIT_WRONG_USE)
    if conn_uri is not None:
        fields = fields_of(conn_id, conn_uri)
    elif conn_json is not None:
        fields = fields_of(conn_id, _json_object(conn_json, "--conn-json"))
    else:
        if "extra" in fields:
            _json_object(fields["extra"], "--conn-extra")
        if fields.get("password") == "-":
            fields["password"] = click.prompt("Password", hide_input=True, err=True)
    is_whole = conn_uri is not None or conn_json is not None
    with open_api() as api:
        created = "conn_type" in fields and put(
            api, "connections", conn_id, {"connection_id": conn_id, **fields}, _whole(fields) if is_whole else fields
        )
        if "conn_type" not in fields:
            _change(api, conn_id, fields)
    click.echo(f"{'created' if created else 'changed'} {conn_id}")


@connections.command()
@click.argument("conn_ids", nargs=-1, required=True)
def delete(conn_ids: tuple[str, ...]) -> None:
    """Delete connections."""
    delete_all("connections", conn_ids)


@connections.command(name="import")
@click.argument("file")
@existing_option
def import_connections(file: str, on_existing: str) -> None:
    """Create connections from FILE: JSON of conn_id to URI or fields, or lines of CONN_ID=URI in a .env file."""
    entries = {}
    for conn_id, given in read_objects(file, "connections").items():
        fields = fields_of(conn_id, given)
        entries[conn_id] = ({"connection_id": conn_id, **fields}, _whole(fields))
    with open_api() as api:
        import_all(api, "connections", entries, on_existing)


@connections.command(name="export")
@click.argument("file")
def export_connections(file: str) -> None:
    """Write all connections with their secrets to FILE, or to the standard output for `-`. The server notes it."""
    with open_api() as api:
        rows = api.post(path_of("exports", "connections"), {})["connections"]
    objects = {row["connection_id"]: {name: row[name] for name in FIELDS if row.get(name) is not None} for row in rows}
    write_objects(file, objects, "connections")


def fields_of(conn_id: str, given: Any) -> dict[str, Any]:
    """The fields of a connection that is given as a URI or as an object.

    Raises:
        CommandFailed: it is neither.
    """
    from tradewind.sdk.authoring.secrets import Connection
    from tradewind.sdk.exceptions import TradewindException

    try:
        if isinstance(given, str):
            found = Connection(conn_id=conn_id, uri=given)
        elif isinstance(given, dict):
            found = Connection.from_json(json.dumps(given), conn_id=conn_id)
        else:
            raise CommandFailed(f"connection {conn_id} must be a URI or an object, not {given!r}", EXIT_WRONG_USE)
    except (TradewindException, ValueError, TypeError) as error:
        raise CommandFailed(f"connection {conn_id}: {error}", EXIT_WRONG_USE) from None
    values = {name: getattr(found, name) for name in FIELDS}
    return {name: value for name, value in values.items() if value is not None}


def _whole(fields: dict[str, Any]) -> dict[str, Any]:
    """The change that leaves nothing of what a connection was."""
    return {**dict.fromkeys(FIELDS), **fields}


def _change(api: PublicApi, conn_id: str, fields: dict[str, Any]) -> None:
    from tradewind.sdk.client.calls import ProblemError

    try:
        api.patch(path_of("connections", conn_id), fields)
    except ProblemError as problem:
        if problem.reason != "not_found":
            raise
        raise CommandFailed(f"{problem.detail}; --conn-type is needed to create it", EXIT_WRONG_USE) from None


def _json_object(text: str, source: str) -> dict[str, Any]:
    found = json_value(text, source)
    if not isinstance(found, dict):
        raise CommandFailed(f"{source} must be a JSON object", EXIT_WRONG_USE)
    return found

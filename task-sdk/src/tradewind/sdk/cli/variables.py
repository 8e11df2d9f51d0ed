"""`tradewind variables …`."""

from __future__ import annotations

from typing import Any

import click

from tradewind.sdk.cli.connection import EXIT_UNREACHABLE, CommandFailed, open_api, path_of
from tradewind.sdk.cli.files import json_value, read_objects, write_objects
from tradewind.sdk.cli.output import output_option, print_json, print_table
from tradewind.sdk.cli.stored import delete_all, existing_option, import_all, listed, put


@click.group()
def variables() -> None:
    """Variables: list, get, set, delete, import, export."""


@variables.command(name="list")
@output_option
def list_variables(output: str) -> None:
    """List the variables; values are shown by `get`."""
    with open_api() as api:
        rows = [{**row, "value": None} for row in listed(api, "variables")]
    if output == "json":
        print_json([{"key": row["key"], "description": row["description"]} for row in rows])
    else:
        print_table(rows, ["key", "description", "updated_at"])


@variables.command()
@click.argument("key")
@click.option("-d", "--default", help="What to print when there is no such variable.")
def get(key: str, default: str | None) -> None:
    """Print the value of a variable."""
    from tradewind.sdk.client.calls import ProblemError

    with open_api() as api:
        try:
            found = api.get(path_of("variables", key))
        except ProblemError as problem:
            if problem.reason != "not_found" or default is None:
                raise
            found = {"value": default}
    if found["value"] is None:
        raise CommandFailed(f"your credential may not see the value of variable {key}", EXIT_UNREACHABLE)
    click.echo(found["value"])


@variables.command(name="set")
@click.argument("key")
@click.argument("value")
@click.option("--description", help="Words about it.")
@click.option("--json", "is_json", is_flag=True, help="VALUE is JSON; it is checked and kept as such.")
def set_variable(key: str, value: str, description: str | None, is_json: bool) -> None:
    """Create or change a variable."""
    if is_json:
        json_value(value, "VALUE")
    change: dict[str, Any] = {"value": value}
    if description is not None:
        change["description"] = description
    with open_api() as api:
        created = put(api, "variables", key, {"key": key, **change}, change)
    click.echo(f"{'created' if created else 'changed'} {key}")


@variables.command()
@click.argument("keys", nargs=-1, required=True)
def delete(keys: tuple[str, ...]) -> None:
    """Delete variables."""
    delete_all("variables", keys)


@variables.command(name="import")
@click.argument("file")
@existing_option
def import_variables(file: str, on_existing: str) -> None:
    """Create variables from FILE: a JSON object of key to value, or lines of KEY=VALUE in a .env file.

    A value may also be an object with `value` and `description`.
    """
    entries = {}
    for key, given in read_objects(file, "variables").items():
        is_described = isinstance(given, dict) and "value" in given and given.keys() <= {"value", "description"}
        change = dict(given) if is_described else {"value": given}
        entries[key] = ({"key": key, **change}, change)
    with open_api() as api:
        import_all(api, "variables", entries, on_existing)


@variables.command(name="export")
@click.argument("file")
def export_variables(file: str) -> None:
    """Write all variables to FILE, or to the standard output for `-`."""
    with open_api() as api:
        rows = list(listed(api, "variables"))
    if any(row["value"] is None for row in rows):
        raise CommandFailed("your credential may not see the values of variables", EXIT_UNREACHABLE)
    objects = {
        row["key"]: {"value": row["value"], "description": row["description"]} if row["description"] else row["value"]
        for row in rows
    }
    write_objects(file, objects, "variables")

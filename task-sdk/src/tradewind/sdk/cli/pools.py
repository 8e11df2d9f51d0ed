"""`tradewind pools …`."""

from __future__ import annotations

from typing import Any

import click

from tradewind.sdk.cli.connection import EXIT_WRONG_USE, CommandFailed, open_api, path_of
from tradewind.sdk.cli.files import read_objects, write_objects
from tradewind.sdk.cli.output import output_option, print_fields, print_json, print_table
from tradewind.sdk.cli.stored import delete_all, existing_option, import_all, listed, put

COLUMNS = ["name", "slots", "occupied_slots", "running_slots", "queued_slots", "scheduled_slots", "open_slots"]
DEFAULT_POOL = "default_pool"


@click.group()
def pools() -> None:
    """Pools: list, get, set, delete, import, export."""


@pools.command(name="list")
@output_option
def list_pools(output: str) -> None:
    """List the pools and how full they are."""
    with open_api() as api:
        rows = list(listed(api, "pools"))
    if output == "json":
        print_json(rows)
    else:
        print_table(rows, [*COLUMNS, "description"])


@pools.command()
@click.argument("name")
@output_option
def get(name: str, output: str) -> None:
    """Show a pool."""
    with open_api() as api:
        found = api.get(path_of("pools", name))
    if output == "json":
        print_json(found)
    else:
        print_fields(found, [*COLUMNS, "description", "include_deferred"])


@pools.command(name="set")
@click.argument("name")
@click.argument("slots", type=click.IntRange(-1))
@click.argument("description", required=False)
@click.option("--include-deferred/--leave-out-deferred", default=None, help="Whether deferred tasks keep their slots.")
def set_pool(name: str, slots: int, description: str | None, include_deferred: bool | None) -> None:
    """Create or change a pool of SLOTS slots; -1 stands for any number."""
    given = {"slots": slots, "description": description, "include_deferred": include_deferred}
    change = {field: value for field, value in given.items() if value is not None}
    with open_api() as api:
        created = put(api, "pools", name, {"name": name, **change}, _changeable(name, change))
    click.echo(f"{'created' if created else 'changed'} {name}")


@pools.command()
@click.argument("names", nargs=-1, required=True)
def delete(names: tuple[str, ...]) -> None:
    """Delete pools."""
    delete_all("pools", names)


@pools.command(name="import")
@click.argument("file")
@existing_option
def import_pools(file: str, on_existing: str) -> None:
    """Create pools from FILE: a JSON object of name to slots, description and include_deferred."""
    entries = {}
    for name, given in read_objects(file, "pools").items():
        if not isinstance(given, dict) or "slots" not in given:
            raise CommandFailed(f"pool {name} in {file} must be an object with slots, not {given!r}", EXIT_WRONG_USE)
        change = {"include_deferred": False, **given}
        entries[name] = ({"name": name, **change}, _changeable(name, change))
    with open_api() as api:
        import_all(api, "pools", entries, on_existing)


@pools.command(name="export")
@click.argument("file")
def export_pools(file: str) -> None:
    """Write all pools to FILE, or to the standard output for `-`."""
    with open_api() as api:
        rows = list(listed(api, "pools"))
    objects = {row["name"]: {name: row[name] for name in ("slots", "description", "include_deferred")} for row in rows}
    write_objects(file, objects, "pools")


def _changeable(name: str, change: dict[str, Any]) -> dict[str, Any]:
    """What may be changed of a pool: of the default one the slots alone."""
    if name != DEFAULT_POOL:
        return change
    return {key: value for key, value in change.items() if key in {"slots", "include_deferred"}}

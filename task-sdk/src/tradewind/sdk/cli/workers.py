"""`tradewind workers …`."""

from __future__ import annotations

import click

from tradewind.sdk.cli.connection import open_api, path_of
from tradewind.sdk.cli.output import output_option, print_json, print_table

COLUMNS = ["worker", "state", "hostname", "pid", "queues", "capacity", "session_id"]


@click.group()
def workers() -> None:
    """Workers that are connected: list, drain."""


@workers.command(name="list")
@output_option
def list_workers(output: str) -> None:
    """List workers, one line for each session."""
    with open_api() as api:
        found = api.get(path_of("workers"))["workers"]
    if output == "json":
        print_json(found)
    else:
        print_table(found, COLUMNS)


@workers.command()
@click.argument("worker")
@click.option("-m", "--message", help="Why, for the worker's log and for whoever lists the workers.")
@output_option
def drain(worker: str, message: str | None, output: str) -> None:
    """Let WORKER take no more work and end when what it runs has ended.

    WORKER is a name, for all workers of that name, or the id of one session.
    """
    with open_api() as api:
        asked = api.post(path_of("workers", worker, "drain"), {"message": message} if message else {})["workers"]
    if output == "json":
        print_json(asked)
        return
    for one in asked:
        click.echo(f"{one['worker']} on {one['hostname']} (pid {one['pid']}) drains")

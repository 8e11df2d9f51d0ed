"""`tradewind-server api-server | scheduler | dag-processor`: one role of the control plane by itself."""

from __future__ import annotations

import click

from tradewind.server.cli.context import EXIT_WRONG_USE, CommandFailed, make_home, read_settings, sentences
from tradewind.server.process_log import write_log


@click.command()
@click.option("--host", help="Address to listen on. [default: api.host]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0: any. [default: api.port]")
def api_server(host: str | None, port: int | None) -> None:
    """Serve the API and the worker sessions."""
    given = {"host": host, "port": port}
    run_role("api-server", {"api": {key: value for key, value in given.items() if value is not None}})


@click.command()
def scheduler() -> None:
    """Decide what runs next; several may run, and one of them leads."""
    run_role("scheduler", {})


@click.command()
def dag_processor() -> None:
    """Watch the DAG files, publish snapshots, and have changed files parsed."""
    run_role("dag-processor", {})


def run_role(name: str, overrides: dict[str, dict[str, object]]) -> None:
    """Run one role until SIGINT or SIGTERM.

    Raises:
        CommandFailed: The settings do not allow it or the database cannot be used.
    """
    from tradewind.server.roles import Role, run_until_signal

    settings = read_settings(overrides)
    if settings.database_url.startswith("sqlite"):
        raise CommandFailed(
            f"{name} by itself needs PostgreSQL: on SQLite the whole control plane is one process. Run "
            "`tradewind standalone`, or set database.url (TRADEWIND__DATABASE__URL) to postgresql://…",
            EXIT_WRONG_USE,
        )
    make_home(settings)
    write_log()
    with sentences():
        run_until_signal(settings, frozenset({Role(name)}))

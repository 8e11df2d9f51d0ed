"""`tradewind worker`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tradewind.sdk.cli.connection import EXIT_WRONG_USE, CommandFailed, find_url
from tradewind.sdk.client.known_server import home_directory


@click.command()
@click.option(
    "--queue", "queues", multiple=True, metavar="NAME", help="Queue to serve; may be repeated. [default: default]"
)
@click.option("--capacity", type=click.IntRange(0), help="Task tries at once. [default: 16]")
@click.option("--parse-capacity", type=click.IntRange(0), help="Parses of DAG files at once. [default: 4]")
@click.option(
    "--state-directory", type=click.Path(path_type=Path), help="Folder for spool, code cache and process records."
)
@click.option("--exit-with-parent", is_flag=True, help="Stop when the process that started this one ends.")
def worker(
    queues: tuple[str, ...],
    capacity: int | None,
    parse_capacity: int | None,
    state_directory: Path | None,
    exit_with_parent: bool,
) -> None:
    """Run activities for a Tradewind server, over a connection that this worker opens.

    TRADEWIND_API_URL names the server and TRADEWIND_API_TOKEN holds the worker's credential, made by
    `tradewind-server tokens create --role worker --name NAME`.
    """
    from tradewind.sdk.worker.main import run_worker
    from tradewind.sdk.worker.settings import WorkerSettingsError, load_worker_settings

    url = find_url()
    chosen = {
        "api_url": url.value if url else None,
        "token": os.environ.get("TRADEWIND_API_TOKEN") or _token_in_home(),
        "queues": queues or None,
        "capacity": capacity,
        "parse_capacity": parse_capacity,
        "state_directory": state_directory,
    }
    try:
        settings = load_worker_settings(os.environ, **chosen)
    except WorkerSettingsError as error:
        raise CommandFailed(str(error), EXIT_WRONG_USE) from None
    raise SystemExit(run_worker(settings, exit_with_parent=exit_with_parent))


def _token_in_home() -> str | None:
    """The credential that `standalone` left for a worker beside it."""
    try:
        return (home_directory() / "worker.token").read_text(encoding="utf-8").strip()
    except OSError:
        return None

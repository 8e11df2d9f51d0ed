"""`tradewind-server db …`."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import click

from tradewind.server.cli.ages import age
from tradewind.server.cli.config import hide_password
from tradewind.server.cli.context import CommandFailed, make_home, read_settings, sentences
from tradewind.server.settings import Settings


@click.group()
def db() -> None:
    """Metadata database: migrate, check, prune."""


@db.command()
def migrate() -> None:
    """Bring the schema of the database to this version; makes the database when SQLite's file is absent."""
    from tradewind.server.store import migrate as migrations

    settings = read_settings()
    make_home(settings)
    with sentences():
        migrations.upgrade(settings.database_url)
        revision = migrations.current(settings.database_url)
    click.echo(f"{hide_password(settings.database_url)} is at revision {revision}")


@db.command()
def check() -> None:
    """Tell whether the database answers and has the schema of this version; exit 1 otherwise."""
    from tradewind.server.store import migrate as migrations

    settings = read_settings()
    _refuse_absent(settings)
    with sentences():
        differences = migrations.check(settings.database_url)
    if differences:
        listed = "\n".join(f"  {difference}" for difference in differences)
        raise CommandFailed(f"the schema is not that of this version; run `tradewind-server db migrate`:\n{listed}")
    click.echo(f"{hide_password(settings.database_url)} is ready")


@db.command()
@click.option(
    "--older-than", required=True, metavar="AGE", callback=age, help="What ended longer ago goes: 30d, 12h, 2w."
)
@click.option(
    "--dag-id", "dag_ids", multiple=True, metavar="DAG_ID", help="Only runs and versions of this DAG; may be repeated."
)
@click.option("--dry-run", is_flag=True, help="Only count what would be deleted.")
@click.option(
    "-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="Form of output."
)
def prune(older_than: timedelta, dag_ids: tuple[str, ...], *, dry_run: bool, output: str) -> None:
    """Delete old runs with all that belongs to them, parses, audit entries, and code that nothing runs any more.

    The newest runs of each DAG stay (retention.runs_per_dag), and so does what live runs and schedules need.
    """
    from tradewind.server.cli import pruning

    settings = read_settings()
    _refuse_absent(settings)
    plan = pruning.plan_by_hand(settings, older_than, dag_ids)
    with sentences():
        if dry_run:
            rows = asyncio.run(pruning.preview(settings, plan))
        else:
            rows = asyncio.run(pruning.prune(settings, plan, older_than, _Progress().tell))
    if output == "json":
        click.echo(json.dumps({"dry_run": dry_run, "deleted": rows}, indent=2))
        return
    for table, number in rows.items():
        click.echo(f"{table:<20}{number:>12}")
    if not rows:
        click.echo("nothing is that old")


class _Progress:
    """Says on standard error how far a deletion has come, once a second."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()
        self._said_at = time.monotonic()

    def tell(self, rows: dict[str, int]) -> None:
        """Some rows were deleted."""
        self._rows.update(rows)
        if time.monotonic() - self._said_at >= 1:
            self._say()

    def _say(self) -> None:
        self._said_at = time.monotonic()
        counts = ", ".join(f"{table} {number}" for table, number in self._rows.items())
        click.echo(f"deleted so far: {counts}", err=True)


def _refuse_absent(settings: Settings) -> None:
    """Refuse a SQLite file that is not there, which opening would make.

    Raises:
        CommandFailed: It is not.
    """
    file = settings.database_url.removeprefix("sqlite:///")
    if settings.database_url.startswith("sqlite") and not Path(file).exists():
        raise CommandFailed(f"there is no database at {file}; make it with `tradewind-server db migrate`")

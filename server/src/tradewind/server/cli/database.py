"""`tradewind-server db …`."""

from __future__ import annotations

from pathlib import Path

import click

from tradewind.server.cli.config import hide_password
from tradewind.server.cli.context import CommandFailed, make_home, read_settings, sentences


@click.group()
def db() -> None:
    """Metadata database: migrate, check."""


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
    file = settings.database_url.removeprefix("sqlite:///")
    if settings.database_url.startswith("sqlite") and not Path(file).exists():
        raise CommandFailed(f"there is no database at {file}; make it with `tradewind-server db migrate`")
    with sentences():
        differences = migrations.check(settings.database_url)
    if differences:
        listed = "\n".join(f"  {difference}" for difference in differences)
        raise CommandFailed(f"the schema is not that of this version; run `tradewind-server db migrate`:\n{listed}")
    click.echo(f"{hide_password(settings.database_url)} is ready")

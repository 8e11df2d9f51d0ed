"""`tradewind-server tokens …`."""

from __future__ import annotations

import asyncio
from typing import Literal

import click

from tradewind.server.cli.context import make_home, read_settings, sentences


@click.group()
def tokens() -> None:
    """Credentials of people and workers."""


@tokens.command()
@click.option("--role", required=True, type=click.Choice(["admin", "viewer", "worker"]), help="What it may do.")
@click.option("--name", required=True, help="Person, program or worker that it is for.")
def create(role: Literal["admin", "viewer", "worker"], name: str) -> None:
    """Make a credential and print it, once; only a digest of it is stored."""
    from tradewind.server.roles import open_store
    from tradewind.server.store import credentials

    settings = read_settings()
    make_home(settings)

    async def make() -> str:
        async with open_store(settings, alone=False) as store:
            return await store.write(lambda tx: credentials.create_credential(tx, name, role))

    with sentences():
        token = asyncio.run(make())
    click.echo(token)

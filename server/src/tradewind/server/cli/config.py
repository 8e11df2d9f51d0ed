"""`tradewind-server config …`."""

from __future__ import annotations

import json
import re

import click

from tradewind.server.cli.context import read_settings


@click.group()
def config() -> None:
    """Settings of this control plane."""


@config.command()
def show() -> None:
    """Show all settings as JSON, defaults included and passwords hidden."""
    settings = read_settings()
    values = settings.model_dump(mode="json")
    values["database"]["url"] = hide_password(settings.database_url)
    values["dags"]["folder"] = str(settings.dags_folder)
    values["security"]["key_file"] = str(settings.key_file)
    values["logs"]["directory"] = str(settings.logs_directory)
    values["api"]["public_url"] = settings.public_url
    click.echo(json.dumps(values, indent=2))


def hide_password(url: str) -> str:
    """The URL of a database without its password."""
    return re.sub(r"(?<=//)([^/@:]*):[^/@]*@", r"\1:***@", url)

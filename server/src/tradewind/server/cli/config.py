"""`tradewind-server config …`."""

from __future__ import annotations

import json
import re
from typing import Any

import click

from tradewind.server.cli.context import EXIT_WRONG_USE, CommandFailed, read_settings


@click.group()
def config() -> None:
    """Settings of this control plane: show, get."""


@config.command()
def show() -> None:
    """Show all settings as JSON, defaults included and passwords hidden."""
    click.echo(json.dumps(settings_in_force(), indent=2))


@config.command()
@click.argument("name", metavar="SECTION.KEY")
def get(name: str) -> None:
    """Print one setting: text as it is, everything else as JSON."""
    section, _, key = name.partition(".")
    sections = {title: entries for title, entries in settings_in_force().items() if isinstance(entries, dict)}
    if section not in sections or key not in sections[section]:
        known = [f"{section}.{one}" for one in sections[section]] if section in sections else list(sections)
        raise CommandFailed(f"there is no setting {name}; name one of: {', '.join(known)}", EXIT_WRONG_USE)
    value = sections[section][key]
    click.echo(value if isinstance(value, str) else json.dumps(value))


def settings_in_force() -> dict[str, Any]:
    """All settings by section and key, as they are used, without passwords.

    Raises:
        CommandFailed: A setting is unknown or wrong.
    """
    settings = read_settings()
    values: dict[str, Any] = settings.model_dump(mode="json")
    values["database"]["url"] = hide_password(settings.database_url)
    values["dags"]["folder"] = str(settings.dags_folder)
    values["security"]["key_file"] = str(settings.key_file)
    values["logs"]["directory"] = str(settings.logs_directory)
    values["api"]["public_url"] = settings.public_url
    return values


def hide_password(url: str) -> str:
    """The URL of a database without its password."""
    shown = re.sub(r"(?<=//)([^/@:]*):[^/]*@", r"\1:***@", url)
    return re.sub(r"(?<=[?&]password=)[^&]*", "***", shown)

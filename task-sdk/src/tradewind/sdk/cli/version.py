"""`tradewind version`."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of

import click

from tradewind.sdk.cli.output import output_option, print_fields, print_json

DISTRIBUTIONS = ("tradewind", "tradewind-server", "tradewind-task-sdk")


def installed_versions() -> dict[str, str]:
    """Versions of the distributions installed here, of the contract and of Python."""
    from tradewind.sdk.contract import VERSION

    found = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = version_of(name)
        except PackageNotFoundError:
            continue
    return {**found, "contract": VERSION, "python": platform.python_version()}


@click.command()
@output_option
def version(output: str) -> None:
    """Show the versions of what is installed here."""
    versions = installed_versions()
    if output == "json":
        print_json(versions)
    else:
        print_fields(versions, list(versions))

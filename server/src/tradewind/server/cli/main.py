"""The command `tradewind-server`, and the table with which its commands join `tradewind`."""

from __future__ import annotations

import importlib

import click

commands: dict[str, tuple[str, str]] = {
    "standalone": ("tradewind.server.cli.standalone:standalone", "Start everything on this machine."),
    "api-server": ("tradewind.server.cli.roles:api_server", "Serve the API and the worker sessions."),
    "scheduler": ("tradewind.server.cli.roles:scheduler", "Decide what runs next."),
    "dag-processor": ("tradewind.server.cli.roles:dag_processor", "Watch the DAG files."),
    "db": ("tradewind.server.cli.database:db", "Metadata database: migrate, check, prune."),
    "tokens": ("tradewind.server.cli.tokens:tokens", "Credentials of people and workers."),
    "config": ("tradewind.server.cli.config:config", "Settings: show, get."),
}
"""Name to (`module:attribute`, one line of help); the entry-point group `tradewind.commands` names it."""


class _Server(click.Group):
    """Imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in commands:
            return None
        module, _, attribute = commands[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=_Server, context_settings={"help_option_names": ["-h", "--help"]})
def tradewind_server() -> None:
    """Run and look after the control plane of Tradewind."""


def main() -> None:
    """Entry point of the command `tradewind-server`."""
    tradewind_server(prog_name="tradewind-server")

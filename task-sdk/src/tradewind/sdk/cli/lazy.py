"""Commands that are imported only when they run, so that every call of `tradewind` starts quickly."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

import click

COMMAND_GROUP = "tradewind.commands"

CommandTable = Mapping[str, tuple[str, str]]


def distribution_commands() -> dict[str, tuple[str, str]]:
    """Commands that other installed distributions add: name to (`module:attribute`, one line of help).

    Each entry point of the group `tradewind.commands` is a mapping of that shape.
    """
    found: dict[str, tuple[str, str]] = {}
    for entry_point in entry_points(group=COMMAND_GROUP):
        found.update(entry_point.load())
    return found


class LazyGroup(click.Group):
    """A group whose commands are `module:attribute` strings until one of them is called.

    Args:
        commands_at: name to (`module:attribute`, one line of help).
        more_commands: asked for further commands, of the same shape, once a name is not among the first ones.
    """

    def __init__(
        self,
        *args: Any,
        commands_at: CommandTable,
        more_commands: Callable[[], CommandTable] = dict,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._commands_at = dict(commands_at)
        self._more_commands = more_commands
        self._complete = False

    def _all(self) -> dict[str, tuple[str, str]]:
        if not self._complete:
            self._commands_at = {**self._more_commands(), **self._commands_at}
            self._complete = True
        return self._commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._all())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        known = self._commands_at if cmd_name in self._commands_at else self._all()
        if cmd_name not in known:
            return None
        module, _, attribute = known[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{known[cmd_name][0]} is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._all()[name][1]) for name in self.list_commands(ctx)])

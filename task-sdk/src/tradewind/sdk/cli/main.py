"""The command `tradewind`: its own commands, and those that other distributions add to it."""

from __future__ import annotations

import io
import os
import sys

import click

from tradewind.sdk.cli.connection import EXIT_FAILED, CommandFailed
from tradewind.sdk.cli.lazy import LazyGroup, distribution_commands

COMMANDS = {
    "dags": (
        "tradewind.sdk.cli.testing:dags",
        "DAGs: check, test, list, show, trigger, pause, next-runs, versions, errors.",
    ),
    "runs": ("tradewind.sdk.cli.changes:runs", "DAG runs: trigger, list, show, cancel, clear, mark, note, delete."),
    "tasks": ("tradewind.sdk.cli.tasks:tasks", "Task instances: list, show, state, why, logs, clear."),
    "variables": ("tradewind.sdk.cli.variables:variables", "Variables: list, get, set, delete, import, export."),
    "connections": (
        "tradewind.sdk.cli.connections:connections",
        "Connections: list, get, set, delete, import, export.",
    ),
    "pools": ("tradewind.sdk.cli.pools:pools", "Pools: list, get, set, delete, import, export."),
    "workers": ("tradewind.sdk.cli.workers:workers", "Workers that are connected: list, drain."),
    "worker": ("tradewind.sdk.cli.worker:worker", "Run activities for a Tradewind server."),
    "doctor": ("tradewind.sdk.cli.doctor:doctor", "Check this installation and its way to the server."),
    "completion": ("tradewind.sdk.cli.completion:completion", "Completion for bash, zsh or fish."),
    "version": ("tradewind.sdk.cli.version:version", "Versions of what is installed here."),
}

EPILOG = """\b
Server and credential come from TRADEWIND_API_URL and TRADEWIND_API_TOKEN, or else
from what `tradewind standalone` left in TRADEWIND_HOME (~/.tradewind).

\b
Exit codes: 0 done; 1 the run or task failed; 2 wrong use or unknown name;
3 the server cannot be reached or refuses."""


@click.group(
    cls=LazyGroup,
    commands_at=COMMANDS,
    more_commands=distribution_commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=EPILOG,
)
def tradewind() -> None:
    """Tradewind runs workflows: DAGs written in Python, tasks in any language."""


def main() -> None:
    """Entry point of the command `tradewind` and of `python -m tradewind.sdk`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name in another alphabet than the terminal's is shown by its numbers; it ends no command.
            stream.reconfigure(errors="backslashreplace")
    try:
        tradewind(prog_name="tradewind")
    except OSError as error:
        # Such as a disk that is full under the standard output.
        CommandFailed(str(error), EXIT_FAILED).show()
        _give_up_output()
        sys.exit(EXIT_FAILED)


def _give_up_output() -> None:
    """Let what could not be written go nowhere: the interpreter tries once more at its end, and would tell of it."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)

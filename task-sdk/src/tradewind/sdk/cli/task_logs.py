"""Logs on the command line: as a whole, or followed until the try has ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from tradewind.sdk.cli.connection import EXIT_FAILED, EXIT_WRONG_USE, CommandFailed
from tradewind.sdk.cli.output import paint
from tradewind.sdk.exceptions import ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.sdk.client.http import PublicApi

LOOK_SECONDS = 0.5
"""How often to look whether a task has started, and for a server that is away."""

AWAY_SECONDS = 60.0
"""How long the server may be away in the middle of a log before the command gives up."""

FINAL_STATES = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
_COLOURS = {"warning": "yellow", "error": "red", "critical": "red", "debug": "bright_black"}


def log_line(record: dict[str, Any]) -> str:
    """A record of a log as a line for people; colours vanish where nobody sees them."""
    timestamp = click.style(record["timestamp"], fg="bright_black")
    if record["source"] in {"stdout", "stderr"}:
        return f"{timestamp} {record['source']:<8} {record['message']}"
    logger = f"{record['logger']}: " if record.get("logger") else ""
    level = click.style(f"{record['level']:<8}", fg=_COLOURS.get(record["level"]))
    return f"{timestamp} {level} {logger}{record['message']}"


def follow_log(api: PublicApi, path: str, try_number: int | None, show: Callable[[dict[str, Any]], None]) -> int:
    """Show the log of a try until it has ended, and say on standard error what happens around it.

    A task that has not started is waited for, and why it has not is said. When the connection breaks, the command goes
    on where it was.

    Args:
        api: the public API.
        path: of the task instance.
        try_number: which try; None for the current one, or the first.
        show: called with each record.

    Returns:
        The exit code: 0 unless the try or the task instance failed.

    Raises:
        CommandFailed: the task instance has ended without such a try.
        ServerUnreachable: the server was away for too long.
    """
    number = _await_start(api, path, try_number)
    if number is None:
        return _say_end(api, path, None)
    shown = 0
    away_since: float | None = None
    while True:
        try:
            for record in api.stream(f"{path}/logs/{number}", follow=True, offset=shown):
                show(record)
                shown += 1
            # A server that stops ends the answer too.
            if _try(api, path, number)["end_date"] is not None:
                return _say_end(api, path, number)
            away_since = None
            time.sleep(LOOK_SECONDS)
        except ServerUnreachable:
            now = time.monotonic()
            if away_since is None:
                click.echo("the server is away; trying again", err=True)
                away_since = now
            elif now - away_since > AWAY_SECONDS:
                raise
            time.sleep(LOOK_SECONDS)


def _await_start(api: PublicApi, path: str, try_number: int | None) -> int | None:
    """The number of the try once there is one; None when the instance has ended without any."""
    said = None
    while True:
        instance = api.get(path)
        tries = [one["try_number"] for one in api.get(path + "/tries")["task_instances"]]
        wanted = try_number if try_number is not None else max(tries, default=None)
        if wanted in tries:
            return wanted
        state = instance["state"] or "none"
        if state in FINAL_STATES:
            if try_number is None:
                return None
            raise CommandFailed(
                f"{instance['task_id']} is {state} and has no try {try_number}: name one of {tries}", EXIT_WRONG_USE
            )
        if said != (state, instance["reason_text"]):
            said = (state, instance["reason_text"])
            click.echo(f"{instance['task_id']} is {paint(state)}: {instance['reason_text']}", err=True)
        time.sleep(LOOK_SECONDS)


def _try(api: PublicApi, path: str, number: int) -> dict[str, Any]:
    tries = api.get(path + "/tries")["task_instances"]
    return next(one for one in tries if one["try_number"] == number)


def _say_end(api: PublicApi, path: str, number: int | None) -> int:
    instance = api.get(path)
    state = instance["state"] if number is None else _try(api, path, number)["state"]
    which = instance["task_id"] if number is None else f"{instance['task_id']}, try {number}"
    more = (
        "" if instance["state"] in FINAL_STATES else f"; now {instance['state'] or 'none'}: {instance['reason_text']}"
    )
    click.echo(f"{which}: {paint(state)}{more}", err=True)
    return EXIT_FAILED if state in {"failed", "upstream_failed", "lost"} else 0

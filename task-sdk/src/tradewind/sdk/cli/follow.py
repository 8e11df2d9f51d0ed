"""Follows a run to its end and tells what happens to its tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tradewind.sdk.cli.connection import path_of
from tradewind.sdk.cli.output import paint

if TYPE_CHECKING:
    from tradewind.sdk.client.http import PublicApi


def follow_run(api: PublicApi, dag_id: str, run_id: str, *, quiet: bool = False) -> dict[str, Any]:
    """Stay until a run has ended.

    Args:
        api: the public API.
        dag_id: the DAG.
        run_id: the run.
        quiet: print nothing; otherwise each change of a task instance is a line.

    Returns:
        The run in its final state, as the public API gives it.
    """
    run = path_of("dags", dag_id, "dagRuns", run_id)
    seen: dict[tuple[str, int], tuple[str | None, int]] = {}
    for _ in api.stream(run + "/wait"):
        if not quiet:
            for instance in api.get(run + "/taskInstances", limit=1000)["task_instances"]:
                _print_change(instance, seen)
    final: dict[str, Any] = api.get(run)
    return final


def _print_change(instance: dict[str, Any], seen: dict[tuple[str, int], tuple[str | None, int]]) -> None:
    key = (instance["task_id"], instance["map_index"])
    now = (instance["state"], instance["try_number"])
    if now[0] in {None, "none", "scheduled", "queued"} or seen.get(key) == now:
        return
    seen[key] = now
    duration = f"  {instance['duration']:.2f} s" if instance.get("duration") is not None and now[0] != "running" else ""
    again = f"  (try {now[1]})" if now[1] > 1 else ""
    click.echo(f"  {paint(str(now[0]).ljust(15))} {instance['task_id']}{duration}{again}")

"""`tradewind runs …`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from tradewind.sdk.cli.connection import latest_run, open_api, pages, path_of
from tradewind.sdk.cli.output import output_option, print_fields, print_json, print_rest, print_table
from tradewind.sdk.contract import DagRunType

INSTANCE_COLUMNS = ["task_id", "state", "try_number", "duration", "start_date", "reason_text"]


def _moment(_context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{text!r} is not ISO 8601, such as 2026-03-01T12:00", param=option) from None


@click.group()
def runs() -> None:
    """DAG runs: trigger, list, show, cancel, clear, mark, note, delete."""


@runs.command(name="list")
@click.argument("dag_id", default="~", metavar="[DAG_ID]")
@click.option(
    "--state",
    multiple=True,
    type=click.Choice(["queued", "running", "success", "failed"]),
    help="Only runs in this state; several times for several.",
)
@click.option(
    "--type",
    "run_type",
    multiple=True,
    type=click.Choice([kind.value for kind in DagRunType]),
    help="Only runs of this type; several times for several.",
)
@click.option("--since", callback=_moment, metavar="DATE", help="Only runs due at this moment or later, in ISO 8601.")
@click.option("--until", callback=_moment, metavar="DATE", help="Only runs due at this moment or earlier.")
@click.option("--name", metavar="TEXT", help="Only runs whose id contains this.")
@click.option("--limit", default=25, show_default=True, type=click.IntRange(1, 1000))
@output_option
def list_runs(dag_id: str, limit: int, output: str, **asked: Any) -> None:
    """List the runs of a DAG, or of all DAGs, newest first.

    A date without an offset is in local time.
    """
    chosen = {
        "state": list(asked["state"]),
        "run_type": list(asked["run_type"]),
        "run_after_gte": asked["since"],
        "run_after_lte": asked["until"],
        "run_id_pattern": asked["name"],
    }
    with open_api() as api:
        page = api.get(path_of("dags", dag_id, "dagRuns"), limit=limit, order_by="-run_after", **chosen)
    if output == "json":
        print_json(page["dag_runs"])
        return
    print_table(page["dag_runs"], ["dag_id", "dag_run_id", "state", "run_after", "start_date", "duration"])
    print_rest(len(page["dag_runs"]), page["total_entries"])


@runs.command()
@click.argument("dag_id")
@click.argument("run_id", required=False)
@output_option
def show(dag_id: str, run_id: str | None, output: str) -> None:
    """Show a run with its task instances: the one named, or the latest."""
    with open_api() as api:
        run_id = latest_run(api, dag_id, run_id)
        run = api.get(path_of("dags", dag_id, "dagRuns", run_id))
        instances = list(pages(api, path_of("dags", dag_id, "dagRuns", run_id, "taskInstances"), "task_instances"))
    if output == "json":
        print_json({**run, "task_instances": instances})
        return
    print_fields(
        run,
        [
            "dag_id",
            "dag_run_id",
            "state",
            "reason_text",
            "run_after",
            "start_date",
            "end_date",
            "duration",
            "conf",
            "note",
        ],
    )
    click.echo()
    print_table(instances, INSTANCE_COLUMNS)

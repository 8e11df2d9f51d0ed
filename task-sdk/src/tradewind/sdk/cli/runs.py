"""`tradewind runs …`."""

from __future__ import annotations

import click

from tradewind.sdk.cli.connection import latest_run, open_api, pages, path_of
from tradewind.sdk.cli.output import output_option, print_fields, print_json, print_rest, print_table

INSTANCE_COLUMNS = ["task_id", "state", "try_number", "duration", "start_date", "reason_text"]


@click.group()
def runs() -> None:
    """DAG runs: trigger, list, show, cancel, clear, mark, note, delete."""


@runs.command(name="list")
@click.argument("dag_id", default="~", metavar="[DAG_ID]")
@click.option("--state", multiple=True, type=click.Choice(["queued", "running", "success", "failed"]))
@click.option("--limit", default=25, show_default=True, type=click.IntRange(1, 1000))
@output_option
def list_runs(dag_id: str, state: tuple[str, ...], limit: int, output: str) -> None:
    """List the runs of a DAG, or of all DAGs, newest first."""
    with open_api() as api:
        page = api.get(path_of("dags", dag_id, "dagRuns"), limit=limit, order_by="-run_after", state=list(state))
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

"""`tradewind tasks …`."""

from __future__ import annotations

import json
from typing import Any

import click

from tradewind.sdk.cli.changes import clear as clear_run
from tradewind.sdk.cli.connection import EXIT_WRONG_USE, CommandFailed, latest_run, open_api, pages, path_of
from tradewind.sdk.cli.output import output_option, print_fields, print_json, print_table, reason_in_words
from tradewind.sdk.cli.runs import INSTANCE_COLUMNS
from tradewind.sdk.cli.task_logs import FINAL_STATES, follow_log, log_line


@click.group()
def tasks() -> None:
    """Task instances: list, show, state, why, logs, clear.

    Where RUN_ID is left out, the latest run of the DAG is meant.
    """


@tasks.command(name="list")
@click.argument("dag_id")
@click.argument("run_id", required=False)
@click.option("--declared", is_flag=True, help="List the tasks that the DAG declares instead of those of a run.")
@output_option
def list_tasks(dag_id: str, run_id: str | None, declared: bool, output: str) -> None:
    """List the task instances of a run."""
    columns = INSTANCE_COLUMNS
    with open_api() as api:
        if declared:
            rows = api.get(path_of("dags", dag_id, "tasks"))["tasks"]
            columns = ["task_id", "operator_name", "downstream_task_ids", "retries", "queue", "trigger_rule"]
        else:
            run = path_of("dags", dag_id, "dagRuns", latest_run(api, dag_id, run_id), "taskInstances")
            rows = list(pages(api, run, "task_instances"))
    if output == "json":
        print_json(rows)
    else:
        print_table(rows, columns)


@tasks.command()
@click.argument("dag_id")
@click.argument("task_id")
@click.argument("run_id", required=False)
@output_option
def show(dag_id: str, task_id: str, run_id: str | None, output: str) -> None:
    """Show a task instance and its tries."""
    with open_api() as api:
        path = path_of("dags", dag_id, "dagRuns", latest_run(api, dag_id, run_id), "taskInstances", task_id)
        instance = api.get(path)
        tries = api.get(path + "/tries")["task_instances"]
    if output == "json":
        print_json({**instance, "tries": tries})
        return
    names = ["dag_id", "dag_run_id", "task_id", "state", "reason_text", "operator", "queue", "try_number", "max_tries"]
    print_fields(instance, [*names, "start_date", "end_date", "duration", "hostname", "unixname", "pid"])
    click.echo()
    print_table(tries, ["try_number", "state", "start_date", "end_date", "duration", "hostname", "pid"])


@tasks.command()
@click.argument("dag_id")
@click.argument("task_id")
@click.argument("run_id", required=False)
@click.option("--try", "try_number", type=click.IntRange(1), help="Number of the try; the last one when absent.")
@click.option("-f", "--follow", is_flag=True, help="Wait for the try, print as it writes, end with it.")
@output_option
def logs(  # noqa: PLR0917 - click passes by name
    dag_id: str, task_id: str, run_id: str | None, try_number: int | None, follow: bool, output: str
) -> None:
    """Print the log of a try.

    With --follow the exit code is 1 when the try fails, and each record is a line of JSON with -o json.
    """
    with open_api() as api:
        path = path_of("dags", dag_id, "dagRuns", latest_run(api, dag_id, run_id), "taskInstances", task_id)
        if follow:
            raise SystemExit(follow_log(api, path, try_number, _print_json_line if output == "json" else _print))
        if try_number is None:
            instance = api.get(path)
            try_number = int(instance["try_number"])
            if try_number == 0:
                state = instance["state"] or "none"
                advice = "" if state in FINAL_STATES else "\n--follow waits for it"
                raise CommandFailed(
                    f"{task_id} is {state} and has no log: {reason_in_words(instance)}{advice}", EXIT_WRONG_USE
                )
        records = api.get(f"{path}/logs/{try_number}")["content"]
    if output == "json":
        print_json(records)
        return
    for record in records:
        _print(record)


def _print(record: dict[str, Any]) -> None:
    click.echo(log_line(record))


def _print_json_line(record: dict[str, Any]) -> None:
    click.echo(json.dumps(record, ensure_ascii=False))


@tasks.command()
@click.argument("dag_id")
@click.argument("task_id")
@click.argument("run_id", required=False)
@output_option
def why(dag_id: str, task_id: str, run_id: str | None, output: str) -> None:
    """Say why a task instance is where it is."""
    with open_api() as api:
        path = path_of("dags", dag_id, "dagRuns", latest_run(api, dag_id, run_id), "taskInstances", task_id)
        instance = api.get(path)
    answer = {key: instance[key] for key in ("dag_id", "dag_run_id", "task_id", "state", "reason", "reason_text")}
    if output == "json":
        print_json(answer)
    else:
        click.echo(f"{instance['task_id']} is {instance['state'] or 'none'}: {reason_in_words(instance)}")


@tasks.command()
@click.argument("dag_id")
@click.argument("task_id")
@click.argument("run_id", required=False)
def state(dag_id: str, task_id: str, run_id: str | None) -> None:
    """Print the state of a task instance: one word."""
    with open_api() as api:
        path = path_of("dags", dag_id, "dagRuns", latest_run(api, dag_id, run_id), "taskInstances", task_id)
        instance = api.get(path)
    click.echo(instance["state"] or "none")


@tasks.command()
@click.argument("dag_id")
@click.argument("task_id")
@click.argument("run_id", required=False)
@click.option("-u", "--upstream", is_flag=True, help="And what the task waits for.")
@click.option("-d", "--downstream", is_flag=True, help="And what waits for the task.")
@click.option("--dry-run", is_flag=True, help="Only show what would be cleared.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_option
@click.pass_context
def clear(context: click.Context, /, task_id: str, **given: Any) -> None:
    """Clear a task instance, so that it runs again; `runs clear` can do more."""
    unused = dict.fromkeys(("only_failed", "only_running", "past", "future", "latest_version"), False)
    context.invoke(clear_run, tasks=(task_id,), **unused, **given)

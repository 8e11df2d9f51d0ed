"""Changes of runs by hand: cancel, clear, mark. The commands of `tradewind runs` that change something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tradewind.sdk.cli.connection import EXIT_WRONG_USE, CommandFailed, for_each, latest_run, open_api, path_of
from tradewind.sdk.cli.dags import trigger
from tradewind.sdk.cli.output import output_option, paint, print_json, print_table
from tradewind.sdk.cli.runs import runs

if TYPE_CHECKING:
    from tradewind.sdk.client.http import PublicApi

RUN_STATES = ["success", "failed"]
TASK_STATES = ["success", "failed", "skipped"]


@runs.command()
@click.argument("dag_id")
@click.argument("run_id", required=False)
@output_option
def cancel(dag_id: str, run_id: str | None, output: str) -> None:
    """Cancel a run: its running tasks are stopped, the others are skipped, teardown tasks still run."""
    with open_api() as api:
        run_id = latest_run(api, dag_id, run_id)
        run = api.post(path_of("dags", dag_id, "dagRuns", run_id, "cancel"), {})
    if output == "json":
        print_json(run)
    else:
        click.echo(f"run {run_id}: cancelled, now {paint(run['state'])}")


@runs.command()
@click.argument("dag_id")
@click.argument("run_id", required=False)
@click.option("-t", "--task", "tasks", multiple=True, metavar="TASK_ID", help="Only this task; may be repeated.")
@click.option("-u", "--upstream", is_flag=True, help="And what the tasks wait for.")
@click.option("-d", "--downstream", is_flag=True, help="And what waits for the tasks.")
@click.option("-f", "--only-failed", is_flag=True, help="Only what failed or was not reached.")
@click.option("-r", "--only-running", is_flag=True, help="Only what is running.")
@click.option("--past", is_flag=True, help="And the same tasks of earlier runs.")
@click.option("--future", is_flag=True, help="And the same tasks of later runs.")
@click.option("--latest-version", is_flag=True, help="Run again with the newest code of the DAG.")
@click.option("--dry-run", is_flag=True, help="Only show what would be cleared.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_option
def clear(  # noqa: PLR0917 - click passes by name
    dag_id: str,
    run_id: str | None,
    tasks: tuple[str, ...],
    upstream: bool,
    downstream: bool,
    only_failed: bool,
    only_running: bool,
    past: bool,
    future: bool,
    latest_version: bool,
    dry_run: bool,
    yes: bool,
    output: str,
) -> None:
    """Clear task instances of a run, so that they run again: all of them, or those that are chosen."""
    with open_api() as api:
        body: dict[str, Any] = {
            "dag_run_id": latest_run(api, dag_id, run_id),
            "include_upstream": upstream,
            "include_downstream": downstream,
            "only_failed": only_failed,
            "only_running": only_running,
            "include_past": past,
            "include_future": future,
            "run_on_latest_version": latest_version,
            "reset_dag_runs": True,
            "dry_run": True,
        }
        if tasks:
            body["task_ids"] = list(tasks)
        path = path_of("dags", dag_id, "clearTaskInstances")
        chosen = api.post(path, body)["task_instances"]
        if output == "table":
            print_table(chosen, ["dag_run_id", "task_id", "state"])
        if not dry_run and chosen:
            if not yes:
                click.confirm(f"Clear {len(chosen)} task instances?", abort=True, err=True)
            chosen = api.post(path, {**body, "dry_run": False})["task_instances"]
            if output == "table":
                click.echo(f"cleared {len(chosen)} task instances")
    if output == "json":
        print_json(chosen)


@runs.command()
@click.argument("dag_id")
@click.argument("run_id")
@click.argument("state", type=click.Choice(TASK_STATES))
@click.option("-t", "--task", "tasks", multiple=True, metavar="TASK_ID", help="Only this task; may be repeated.")
@click.option("-u", "--upstream", is_flag=True, help="And what the tasks wait for.")
@click.option("-d", "--downstream", is_flag=True, help="And what waits for the tasks.")
@output_option
def mark(  # noqa: PLR0917 - click passes by name
    dag_id: str, run_id: str, state: str, tasks: tuple[str, ...], upstream: bool, downstream: bool, output: str
) -> None:
    """Set the state of a run, or of tasks of it, by hand: success, failed, or skipped for tasks."""
    if not tasks and (state not in RUN_STATES or upstream or downstream):
        what = "--upstream and --downstream need tasks" if upstream or downstream else f"a run cannot be marked {state}"
        raise CommandFailed(f"{what}; name tasks with --task", EXIT_WRONG_USE)
    with open_api() as api:
        if not tasks:
            changed = [api.patch(path_of("dags", dag_id, "dagRuns", run_id), {"state": state})]
        else:
            body = {"new_state": state, "include_upstream": upstream, "include_downstream": downstream}
            changed = [one for task in tasks for one in _mark_task(api, dag_id, run_id, task, body)]
    if output == "json":
        print_json(changed)
    elif tasks:
        print_table(changed, ["dag_run_id", "task_id", "state"])
    else:
        click.echo(f"run {run_id}: {paint(changed[0]['state'])}")


def _mark_task(api: PublicApi, dag_id: str, run_id: str, task: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The task instances that changed: none, where all that is meant is in the state already."""
    from tradewind.sdk.client.calls import ProblemError

    try:
        answer = api.patch(path_of("dags", dag_id, "dagRuns", run_id, "taskInstances", task), body)
    except ProblemError as problem:
        if (problem.reason, problem.field) != ("conflict", "new_state"):
            raise
        click.echo(problem.detail, err=True)
        return []
    found: list[dict[str, Any]] = answer["task_instances"]
    return found


@runs.command()
@click.argument("dag_id")
@click.argument("run_id")
@click.argument("text")
@click.option("-t", "--task", metavar="TASK_ID", help="The note of this task instead of the run's.")
def note(dag_id: str, run_id: str, text: str, task: str | None) -> None:
    """Replace the note of a run, or of a task of it, by TEXT; an empty one takes it away."""
    path = ["dags", dag_id, "dagRuns", run_id, *([] if task is None else ["taskInstances", task])]
    with open_api() as api:
        api.patch(path_of(*path), {"note": text or None})
    click.echo(f"{'noted' if text else 'removed the note'} on {task or f'run {run_id}'}")


@runs.command()
@click.argument("dag_id")
@click.argument("run_ids", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete(dag_id: str, run_ids: tuple[str, ...], yes: bool) -> None:
    """Delete runs that have ended, with all but the logs of their tries."""
    if not yes:
        click.confirm(f"Delete {len(run_ids)} runs of {dag_id}?", abort=True, err=True)
    for_each(run_ids, lambda api, run_id: api.delete(path_of("dags", dag_id, "dagRuns", run_id)), "deleted")


runs.add_command(trigger)

__all__ = ["runs"]

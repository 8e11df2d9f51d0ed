"""`tradewind dags …`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from tradewind.sdk.cli.connection import EXIT_FAILED, EXIT_WRONG_USE, CommandFailed, for_each, open_api, path_of
from tradewind.sdk.cli.files import json_value, text_of_file
from tradewind.sdk.cli.output import output_option, paint, print_fields, print_json, print_rest, print_table


@click.group()
def dags() -> None:
    """DAGs: check, test, list, show, trigger, pause, next-runs, versions, errors."""


@dags.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--timeout", default=30.0, show_default=True, type=click.FloatRange(0, min_open=True), help="Seconds a file."
)
@output_option
def check(files: tuple[Path, ...], timeout: float, output: str) -> None:
    """Import DAG FILES here, without a server, and show their DAGs or why there are none."""
    from tradewind.sdk.cli.check import check_file

    reports = [check_file(file, timeout) for file in files]
    if output == "json":
        print_json(reports)
    else:
        for report in reports:
            _print_report(report)
    if any(report["error"] for report in reports):
        sys.exit(EXIT_FAILED)


def _print_report(report: dict[str, Any]) -> None:
    error = report["error"]
    if error:
        line = f":{error['line']}" if error.get("line") else ""
        click.echo(f"{click.style('error', fg='red')}  {report['file']}{line}: {error['type']}: {error['message']}")
    elif not report["dags"]:
        click.echo(f"{click.style('none ', fg='yellow')}  {report['file']}: declares no DAG")
    for dag in report["dags"]:
        click.echo(f"{click.style('ok   ', fg='green')}  {report['file']}: {dag['dag_id']}, {dag['tasks']} tasks")


@dags.command(name="list")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000), help="How many, at most.")
@click.option("--name", metavar="TEXT", help="Only those whose id contains this.")
@click.option("--tag", "tags", multiple=True, help="Only those with this tag; may be repeated.")
@click.option("--paused/--unpaused", default=None, help="Only those that are paused, or are not.")
@click.option("--stale", is_flag=True, help="Also those that no file declares any more.")
@output_option
def list_dags(  # noqa: PLR0917 - click passes by name
    limit: int, name: str | None, tags: tuple[str, ...], paused: bool | None, stale: bool, output: str
) -> None:
    """List the DAGs that the server knows."""
    chosen = {"dag_id_pattern": name, "tags": list(tags), "paused": paused, "exclude_stale": not stale}
    with open_api() as api:
        page = api.get(path_of("dags"), limit=limit, **chosen)
    if output == "json":
        print_json(page["dags"])
        return
    print_table([_described(dag) for dag in page["dags"]], ["dag_id", "is_paused", *_SHOWN, "tags", "description"])
    print_rest(len(page["dags"]), page["total_entries"])


_SHOWN = ["schedule", "next_run", "relative_fileloc"]


def _described(dag: dict[str, Any]) -> dict[str, Any]:
    """A DAG with the fields that people ask for under the names that they use."""
    tags = [tag["name"] for tag in dag["tags"]]
    return {**dag, "tags": tags, "schedule": dag.get("timetable_summary"), "next_run": dag.get("next_dagrun_run_after")}


@dags.command()
@click.argument("dag_id")
@output_option
def show(dag_id: str, output: str) -> None:
    """Show a DAG and its tasks."""
    with open_api() as api:
        dag = api.get(path_of("dags", dag_id, "details"))
        tasks = api.get(path_of("dags", dag_id, "tasks"))["tasks"]
    if output == "json":
        print_json({**dag, "tasks": tasks})
        return
    print_fields(
        {**_described(dag), "version": dag["latest_dag_version"]["version_number"]},
        [
            *("dag_id", "description", "is_paused", "is_stale", "has_import_errors", *_SHOWN, "bundle_name", "version"),
            *("timetable_description", "start_date", "end_date", "catchup", "owners", "tags"),
            *("active_runs_count", "max_active_runs", "max_active_tasks"),
        ],
    )
    click.echo()
    print_table(tasks, ["task_id", "operator_name", "downstream_task_ids", "retries", "queue", "trigger_rule"])


dags.add_command(show, "details")


@dags.command()
@click.argument("dag_id")
@click.option("--conf", metavar="JSON", help="Configuration of the run: a JSON object, or @FILE.")
@click.option("--run-id", help="Name of the run; made from the time when absent.")
@click.option("--logical-date", help="The date that the run is about, in ISO 8601 with an offset.")
@click.option("--run-after", help="Moment from which the run may start, in ISO 8601 with an offset.")
@click.option("--note", help="Words about the run.")
@click.option("--wait", is_flag=True, help="Stay until the run has ended; exit 1 when it failed.")
@output_option
def trigger(  # noqa: PLR0917 - click passes by name
    dag_id: str,
    conf: str | None,
    run_id: str | None,
    logical_date: str | None,
    run_after: str | None,
    note: str | None,
    wait: bool,
    output: str,
) -> None:
    """Create a run of a DAG."""
    given = {"dag_run_id": run_id, "logical_date": logical_date, "run_after": run_after, "note": note}
    body = {"conf": read_conf(conf), **{name: value for name, value in given.items() if value is not None}}
    with open_api() as api:
        run = api.post(path_of("dags", dag_id, "dagRuns"), body)
        if not wait:
            if output == "json":
                print_json(run)
            else:
                click.echo(
                    f"created {run['dag_run_id']}; follow it with: tradewind runs show {dag_id} {run['dag_run_id']}"
                )
            return
        from tradewind.sdk.cli.follow import follow_run

        try:
            final = follow_run(api, dag_id, run["dag_run_id"], quiet=output == "json")
        except KeyboardInterrupt:
            click.echo(f"run {run['dag_run_id']} goes on; end it with: tradewind runs cancel {dag_id}", err=True)
            raise
    if output == "json":
        print_json(final)
    else:
        click.echo(f"run {final['dag_run_id']}: {paint(final['state'])}")
    if final["state"] != "success":
        sys.exit(EXIT_FAILED)


def read_conf(text: str | None) -> dict[str, Any]:
    """The JSON object of `--conf`, or of the file that it names.

    Raises:
        CommandFailed: it is none.
    """
    if text is None:
        return {}
    source = "--conf"
    if text.startswith("@"):
        source = text[1:]
        text = text_of_file(source)
    value = json_value(text, source)
    if not isinstance(value, dict):
        raise CommandFailed(f"{source} must be a JSON object, such as '{{\"month\": 3}}'", EXIT_WRONG_USE)
    return value


@dags.command()
@click.argument("dag_ids", nargs=-1, required=True)
def pause(dag_ids: tuple[str, ...]) -> None:
    """Pause DAGs: no run begins and no task starts; what runs goes on."""
    _set_paused(dag_ids, paused=True)


@dags.command()
@click.argument("dag_ids", nargs=-1, required=True)
def unpause(dag_ids: tuple[str, ...]) -> None:
    """Let paused DAGs go on."""
    _set_paused(dag_ids, paused=False)


def _set_paused(dag_ids: tuple[str, ...], *, paused: bool) -> None:
    for_each(dag_ids, lambda api, dag_id: api.patch(path_of("dags", dag_id), {"is_paused": paused}), _done(paused))


def _done(paused: bool) -> str:
    return "paused" if paused else "unpaused"


@dags.command(name="next-runs")
@click.argument("dag_id")
@click.option("-n", "--count", default=5, show_default=True, type=click.IntRange(1, 100), help="How many.")
@output_option
def next_runs(dag_id: str, count: int, output: str) -> None:
    """Show when the next runs of a DAG are due."""
    with open_api() as api:
        rows = api.get(path_of("dags", dag_id, "nextRuns"), count=count)["next_runs"]
    if output == "json":
        print_json(rows)
    else:
        print_table(rows, ["run_after", "logical_date", "data_interval_start", "data_interval_end"])


@dags.command()
@click.argument("dag_id")
@click.argument("number", required=False, type=click.IntRange(1))
@click.option("--since", type=click.IntRange(1), help="Number of the version to compare with; the one before.")
@output_option
def versions(dag_id: str, number: int | None, since: int | None, output: str) -> None:
    """List the versions of a DAG, or show what changed with version NUMBER."""
    if number is None and since is not None:
        raise CommandFailed("--since compares with a version: name that, too", EXIT_WRONG_USE)
    path = path_of("dags", dag_id, "dagVersions")
    with open_api() as api:
        if number is None:
            found = api.get(path)["dag_versions"]
        else:
            found = api.get(f"{path}/{number}", compare_with=since or (number - 1 or None))
    if output == "json":
        print_json(found)
    elif number is None:
        print_table(found, ["version_number", "created_at", "bundle_name"])
    else:
        _print_changes(found)


def _print_changes(version: dict[str, Any]) -> None:
    changes = version["changes"]
    if changes is None:
        click.echo(f"version {version['version_number']} is the first one")
        return
    whole = {"task_id": None, "fields": changes["fields"]}
    changed = [{**one, **field} for one in (whole, *changes["changed_tasks"]) for field in one["fields"]]
    rows = [
        *({"change": "added", "task_id": task} for task in changes["added_tasks"]),
        *({"change": "removed", "task_id": task} for task in changes["removed_tasks"]),
        *({"change": "changed", **row} for row in changed),
    ]
    print_table(rows, ["change", "task_id", "field", "before", "after"])


@dags.command(name="import-errors")
@output_option
def import_errors(output: str) -> None:
    """List the DAG files that could not be imported, and why."""
    with open_api() as api:
        errors = api.get(path_of("importErrors"), limit=1000)["import_errors"]
    if output == "json":
        print_json(errors)
        return
    for error in errors:
        line = f":{error['line']}" if error["line"] else ""
        click.echo(click.style(f"{error['filename']}{line}: {error['type']}: {error['message']}", bold=True))
        click.echo("  " + error["stack_trace"].partition("\n\n")[2].rstrip().replace("\n", "\n  "))
    if not errors:
        click.echo("(none)")

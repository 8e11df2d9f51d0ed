"""`tradewind dags test`: runs a DAG of a file here, without a server."""

from __future__ import annotations

import contextlib
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tradewind.sdk.cli.connection import EXIT_FAILED, EXIT_WRONG_USE, CommandFailed
from tradewind.sdk.cli.dags import dags, read_conf
from tradewind.sdk.cli.output import output_option, paint, print_json, print_table

if TYPE_CHECKING:
    from tradewind.sdk.authoring.dag import DAG


@dags.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("dag_id", required=False)
@click.option("--conf", metavar="JSON", help="Configuration of the run: a JSON object, or @FILE.")
@click.option("--logical-date", help="The date that the run is about, in ISO 8601; now when absent.")
@click.option("--variables", "variable_file", metavar="FILE", help="JSON file of variables.")
@click.option("--connections", "connection_file", metavar="FILE", help="JSON file of connections.")
@click.option("--mark-success-pattern", metavar="REGEX", help="Tasks that count as successful without being run.")
@output_option
def test(  # noqa: PLR0917 - click passes by name
    file: Path,
    dag_id: str | None,
    conf: str | None,
    logical_date: str | None,
    variable_file: str | None,
    connection_file: str | None,
    mark_success_pattern: str | None,
    output: str,
) -> None:
    """Run a DAG of FILE here, one task after the other, without a server; exit 1 when the run fails.

    DAG_ID is needed when the file declares several DAGs.
    """
    from tradewind.sdk.exceptions import TradewindException

    date, run_conf = _moment(logical_date), read_conf(conf)
    # What tasks print is no part of the JSON.
    with contextlib.redirect_stdout(sys.stderr if output == "json" else sys.stdout):
        try:
            chosen = _load(file, dag_id, variable_file, connection_file)
            run = chosen.test(
                logical_date=date,
                run_conf=run_conf,
                variable_file_path=variable_file,
                conn_file_path=connection_file,
                mark_success_pattern=mark_success_pattern,
            )
        except TradewindException as error:
            raise CommandFailed(str(error), EXIT_WRONG_USE) from None
    rows = [
        {
            "task_id": instance.task_id,
            "state": str(instance.state),
            "try_number": instance.try_number,
            "duration": instance.duration,
            "error": None if instance.error is None else instance.error.message,
        }
        for instance in run.get_task_instances()
    ]
    if output == "json":
        print_json({"dag_id": run.dag_id, "dag_run_id": run.run_id, "state": str(run.state), "task_instances": rows})
    else:
        print_table(rows, ["task_id", "state", "try_number", "duration", "error"])
        click.echo(f"run {run.run_id}: {paint(str(run.state))}")
    if run.state != "success":
        sys.exit(EXIT_FAILED)


def _load(file: Path, dag_id: str | None, variable_file: str | None, connection_file: str | None) -> DAG:
    from tradewind.sdk.authoring.secret_source import reading_from
    from tradewind.sdk.local.deployment import LocalDeployment
    from tradewind.sdk.local.outside import OutsideSource
    from tradewind.sdk.parsing.loading import DagFileError, load_dag_file

    if not file.is_file():
        raise CommandFailed(f"there is no file {file}", EXIT_WRONG_USE)
    given = LocalDeployment()
    if variable_file is not None:
        given.read_variables(variable_file)
    if connection_file is not None:
        given.read_connections(connection_file)
    try:
        with reading_from(OutsideSource(deployment=given)):
            loaded = load_dag_file(file.absolute().parent, file.name)
    except DagFileError as error:
        raise CommandFailed(str(error), EXIT_FAILED) from None
    if dag_id is None and len(loaded.dags) == 1:
        return next(iter(loaded.dags.values()))
    if dag_id not in loaded.dags:
        if not loaded.dags:
            raise CommandFailed(f"{file} declares no DAG", EXIT_WRONG_USE)
        names = ", ".join(loaded.dags)
        raise CommandFailed(f"{file} declares these DAGs: {names}; name one of them", EXIT_WRONG_USE)
    return loaded.dags[dag_id]


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandFailed(f"--logical-date {text!r} is not ISO 8601, such as 2026-03-01", EXIT_WRONG_USE) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


__all__ = ["dags"]

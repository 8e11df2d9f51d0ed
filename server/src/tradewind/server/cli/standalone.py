"""`tradewind standalone`: everything on one machine with one command."""

from __future__ import annotations

from pathlib import Path

import click

from tradewind.server.cli.context import CommandFailed, make_home, read_settings, sentences
from tradewind.server.process_log import write_log


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), help="Port of the API; 0 picks a free one. [default: api.port]")
@click.option("--dags", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of DAG files.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(0, 64), help="Local worker processes.")
@click.option("--once", metavar="DAG_ID", help="Run this DAG once, show its progress, then stay.")
def standalone(port: int | None, dags: Path | None, workers: int, once: str | None) -> None:
    """Start everything on this machine; Ctrl-C stops it.

    The control plane is one process; each local worker is another. Tasks run as the same user as the control plane, so
    they could read its key and database: run workers elsewhere, or as another user, where that matters.
    """
    from tradewind.server.standalone import Standalone

    overrides: dict[str, dict[str, object]] = {}
    if port is not None:
        overrides["api"] = {"port": port}
    if dags is not None:
        overrides["dags"] = {"folder": dags.absolute()}
    settings = read_settings(overrides)
    make_home(settings)
    log = settings.home / "standalone.log"
    write_log(log)
    with sentences():
        code = Standalone(settings, workers=workers, once=once, say=click.echo).run()
    if code:
        raise CommandFailed(f"the run did not succeed; the log of the control plane is {log}", code)

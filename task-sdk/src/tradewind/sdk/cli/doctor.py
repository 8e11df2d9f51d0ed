"""`tradewind doctor`."""

from __future__ import annotations

import os
import platform
import stat
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import click

from tradewind.sdk.cli.connection import EXIT_FAILED, away, find_token, find_url, path_of
from tradewind.sdk.cli.output import output_option, print_json
from tradewind.sdk.cli.version import installed_versions
from tradewind.sdk.client.known_server import Found, home_directory

MARKS = {"ok": ("ok   ", "green"), "note": ("note ", "yellow"), "wrong": ("wrong", "red")}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    level: Literal["ok", "note", "wrong"]
    what: str
    says: str


@click.command()
@output_option
def doctor(output: str) -> None:
    """Check this installation and its way to the server; exit 1 when something is wrong."""
    findings = [*check_installation(), *check_home(), *check_server()]
    if output == "json":
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            mark, colour = MARKS[finding.level]
            click.echo(f"{click.style(mark, fg=colour)}  {finding.what}: {finding.says}")
    if any(finding.level == "wrong" for finding in findings):
        sys.exit(EXIT_FAILED)


def check_installation() -> Iterator[Finding]:
    """What is installed, and whether this machine can run a worker."""
    versions = ", ".join(f"{name} {number}" for name, number in installed_versions().items())
    yield Finding("ok", "installed", versions)
    if sys.platform == "linux":
        yield Finding("ok", "worker", f"Linux {platform.release()} can run a worker")
    else:
        yield Finding("note", "worker", f"{platform.system()} can author and check DAGs; workers run on Linux")


def check_home() -> Iterator[Finding]:
    """Whether what is kept in the home directory is for its user alone."""
    home = home_directory()
    if not home.is_dir():
        yield Finding("note", "home", f"{home} does not exist; `tradewind standalone` makes it")
        return
    secrets = [home / name for name in ("admin.token", "worker.token", "secret.key")]
    open_ones = [path.name for path in secrets if path.exists() and _others_may_read(path)]
    if open_ones:
        yield Finding("wrong", "home", f"{', '.join(open_ones)} in {home} may be read by others: chmod 600 them")
    else:
        yield Finding("ok", "home", str(home))


def _others_may_read(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def check_server() -> Iterator[Finding]:
    """Whether the server answers, speaks a version that this SDK speaks, and knows the credential."""
    url, token = find_url(), find_token()
    if url is None:
        yield Finding("note", "server", "none is known: set TRADEWIND_API_URL or start `tradewind standalone`")
        return
    from tradewind.sdk.client.calls import ProblemError
    from tradewind.sdk.client.http import PublicApi
    from tradewind.sdk.exceptions import ServerUnreachable, TradewindRuntimeError

    try:
        with PublicApi(url.value, token.value if token else "") as api:
            yield _check_versions(url, api.get("/execution/versions"))
            yield from _check_health(api.get(path_of("monitor", "health")))
            if token is None:
                yield Finding("wrong", "credential", "none is known: set TRADEWIND_API_TOKEN")
                return
            api.get(path_of("dags"), limit=1)
            yield Finding("ok", "credential", f"accepted (from {token.origin})")
    except ServerUnreachable as error:
        yield Finding("wrong", "server", away(url, error))
    except ProblemError as error:
        origin = token.origin if token else "nowhere"
        yield Finding("wrong", "credential", f"refused (from {origin}): {error}")
    except TradewindRuntimeError as error:
        yield Finding("wrong", "server", f"{error} (the URL is from {url.origin})")
    yield from _check_boundary()


def _check_versions(url: Found, offered: dict[str, Any]) -> Finding:
    from tradewind.sdk.contract import VERSION

    versions = [row["version"] for row in offered["versions"]]
    if VERSION in versions:
        return Finding("ok", "server", f"{url.value} (from {url.origin}) speaks contract {VERSION}")
    newer = "upgrade the server" if max(versions) < VERSION else "upgrade tradewind-task-sdk"
    return Finding("wrong", "server", f"{url.value} speaks {', '.join(versions)}, this SDK {VERSION}: {newer}")


def _check_health(health: dict[str, Any]) -> Iterator[Finding]:
    for part, report in health.items():
        status = report.get("status") if isinstance(report, dict) else report
        yield Finding("ok" if status == "healthy" else "wrong", part, str(status or "unknown"))


def _check_boundary() -> Iterator[Finding]:
    key = home_directory() / "secret.key"
    if key.exists() and os.access(key, os.R_OK):
        yield Finding(
            "note",
            "isolation",
            f"this user can read the server's key ({key}): tasks of a worker that runs as this user could too. "
            "Run workers as another user or on another host where that matters",
        )

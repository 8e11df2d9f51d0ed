"""Which server the command line talks to, with which credential, and how its answers become exit codes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from tradewind.sdk.client import known_server
from tradewind.sdk.client.known_server import Found
from tradewind.sdk.exceptions import TradewindConfigException

if TYPE_CHECKING:
    from tradewind.sdk.client.calls import ProblemError
    from tradewind.sdk.client.http import PublicApi

EXIT_FAILED = 1
EXIT_WRONG_USE = 2
EXIT_UNREACHABLE = 3
PAGE = 1000

_NO_TEXT = "what was given holds something that is no character of UTF-8; write it anew"

ABOUT_THE_REQUEST = frozenset({400, 404, 405, 409, 413, 422})
"""Answers of a server that takes part: the name or value is wrong. Others refuse the caller, or are a fault."""


class CommandFailed(click.ClickException):
    """Ends the command with a sentence and an exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click asks the instance


def find_url(environ: Mapping[str, str] = os.environ) -> Found | None:
    """URL of the server, if one is known.

    Raises:
        CommandFailed: what says it cannot be read.
    """
    return _found(known_server.find_url, environ)


def find_token(environ: Mapping[str, str] = os.environ) -> Found | None:
    """Credential for the server, if one is known.

    Raises:
        CommandFailed: what holds it cannot be read.
    """
    return _found(known_server.find_token, environ)


def _found(find: Callable[[Mapping[str, str]], Found | None], environ: Mapping[str, str]) -> Found | None:
    try:
        return find(environ)
    except TradewindConfigException as error:
        raise CommandFailed(str(error), EXIT_UNREACHABLE) from None


@contextmanager
def open_api() -> Iterator[PublicApi]:
    """The public API of the server; refusals become sentences and exit codes.

    Raises:
        CommandFailed: no server is known, it cannot be reached, or it refuses.
    """
    from tradewind.sdk.client.calls import ProblemError
    from tradewind.sdk.client.http import PublicApi
    from tradewind.sdk.exceptions import ServerUnreachable, TradewindRuntimeError

    url, token = find_url(), find_token()
    if url is None:
        raise CommandFailed(
            "no server is known: start one with `tradewind standalone`, or set TRADEWIND_API_URL", EXIT_UNREACHABLE
        )
    if token is None:
        raise CommandFailed(
            "no credential is known: set TRADEWIND_API_TOKEN to one made by `tradewind-server tokens create`",
            EXIT_UNREACHABLE,
        )
    try:
        with PublicApi(url.value, token.value) as api:
            yield api
    except ServerUnreachable as error:
        raise CommandFailed(away(url, error), EXIT_UNREACHABLE) from None
    except ProblemError as error:
        code = EXIT_WRONG_USE if error.status in ABOUT_THE_REQUEST else EXIT_UNREACHABLE
        raise CommandFailed(_sentence(error), code) from None
    except TradewindRuntimeError as error:
        raise CommandFailed(f"{error} (the URL is from {url.origin})", EXIT_UNREACHABLE) from None
    except UnicodeEncodeError:
        # What it is about is not said: it may be a password.
        raise CommandFailed(_NO_TEXT, EXIT_WRONG_USE) from None


def away(url: Found, error: Exception) -> str:
    """That a server cannot be reached, where its URL is from, and why: the URL is said once."""
    why = str(error).removeprefix(f"{url.value.rstrip('/')} cannot be reached: ")
    return f"{url.value} (from {url.origin}) cannot be reached: {why}"


def _sentence(error: ProblemError) -> str:
    field = f" (field {error.field})" if error.field else ""
    action = f"\n{error.action}" if error.action else ""
    return f"{error.detail}{field}{action}"


def for_each(names: Iterable[str], change: Callable[[PublicApi, str], object], done: str) -> None:
    """Do the same to several things, and say so of each; one that is refused stops none of the others.

    Args:
        names: of the things.
        change: what to do to one.
        done: what was done, in a word.

    Raises:
        CommandFailed: some were refused; the message says why for each.
    """
    from tradewind.sdk.client.calls import ProblemError

    refused: list[str] = []
    with open_api() as api:
        for name in names:
            try:
                change(api, name)
            except ProblemError as error:
                if error.status not in ABOUT_THE_REQUEST:
                    raise
                refused.append(_sentence(error))
            else:
                click.echo(f"{done} {name}")
    if refused:
        raise CommandFailed("\n".join(refused), EXIT_WRONG_USE)


def pages(api: PublicApi, path: str, key: str, **query: Any) -> Iterator[dict[str, Any]]:
    """All entries of a collection, page after page.

    Args:
        api: the public API.
        path: of the collection.
        key: under which its answers hold the entries.
        query: further query parameters.
    """
    offset = 0
    while True:
        page = api.get(path, limit=PAGE, offset=offset, **query)
        yield from page[key]
        offset += len(page[key])
        if not page[key] or offset >= page["total_entries"]:
            return


def path_of(*parts: object) -> str:
    """Path of the public API from its parts, each quoted: `path_of("dags", dag_id)`.

    Raises:
        CommandFailed: a part is no text in UTF-8.
    """
    try:
        return "/api/v2/" + "/".join(quote(str(part), safe="~") for part in parts)
    except UnicodeEncodeError:
        raise CommandFailed(_NO_TEXT, EXIT_WRONG_USE) from None


def latest_run(api: PublicApi, dag_id: str, run_id: str | None) -> str:
    """The run that was named, or the one of the DAG that was created last.

    Raises:
        CommandFailed: the DAG has no runs.
    """
    if run_id is not None:
        return run_id
    page = api.get(path_of("dags", dag_id, "dagRuns"), limit=1, order_by="-run_after")
    if not page["dag_runs"]:
        raise CommandFailed(f"DAG {dag_id} has no runs; `tradewind dags trigger {dag_id}` makes one", EXIT_WRONG_USE)
    return str(page["dag_runs"][0]["dag_run_id"])

"""What the commands of variables, connections and pools have in common: put one, delete some, import many."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tradewind.sdk.cli.connection import ABOUT_THE_REQUEST, EXIT_FAILED, for_each, pages, path_of

if TYPE_CHECKING:
    from tradewind.sdk.client.http import PublicApi

Command = TypeVar("Command", bound=Callable[..., Any])


def existing_option(command: Command) -> Command:
    """The option `--on-existing` of imports, passed to the command as `on_existing`."""
    return click.option(
        "--on-existing",
        "--action-on-existing-key",
        type=click.Choice(["overwrite", "skip", "fail"]),
        default="overwrite",
        show_default=True,
        help="What to do with one that exists.",
    )(command)


def listed(api: PublicApi, kind: str) -> Iterator[dict[str, Any]]:
    """All things of a kind, page after page.

    Args:
        api: the public API.
        kind: name of the collection, such as `variables`.
    """
    return pages(api, path_of(kind), kind)


def put(api: PublicApi, kind: str, name: str, new: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
    """Create something, or change it where it exists.

    Args:
        api: the public API.
        kind: name of the collection.
        name: of the thing.
        new: what to create.
        change: what to change of one that exists.

    Returns:
        Whether it was created.
    """
    if create(api, kind, new):
        return True
    api.patch(path_of(kind, name), dict(change))
    return False


def create(api: PublicApi, kind: str, new: Mapping[str, Any]) -> bool:
    """Create something; False when there is one of its name."""
    from tradewind.sdk.client.calls import ProblemError

    try:
        api.post(path_of(kind), dict(new))
    except ProblemError as problem:
        if problem.reason != "already_exists":
            raise
        return False
    return True


def delete_all(kind: str, names: tuple[str, ...]) -> None:
    """Delete things by name, as `for_each` does."""
    for_each(names, lambda api, name: api.delete(path_of(kind, name)), "deleted")


def import_all(
    api: PublicApi,
    kind: str,
    entries: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]],
    on_existing: str,
) -> None:
    """Create or change many things, and tell how many; exit 1 when one could not be.

    Args:
        api: the public API.
        kind: name of the collection.
        entries: name to what to create and what to change.
        on_existing: `overwrite`, `skip` or `fail`.
    """
    from tradewind.sdk.client.calls import ProblemError

    done = skipped = 0
    failures: list[str] = []
    for name, (new, change) in entries.items():
        try:
            if on_existing == "overwrite":
                put(api, kind, name, new, change)
                done += 1
            elif create(api, kind, new):
                done += 1
            elif on_existing == "skip":
                skipped += 1
            else:
                failures.append(f"{name}: exists already")
        except ProblemError as problem:
            if problem.status not in ABOUT_THE_REQUEST:
                raise
            failures.append(f"{name}: {problem.detail}")
    click.echo(f"{done} {kind} imported" + (f", {skipped} skipped" if skipped else ""))
    for failure in failures:
        click.echo(f"{click.style('failed', fg='red')}  {failure}", err=True)
    if failures:
        sys.exit(EXIT_FAILED)

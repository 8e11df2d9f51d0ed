"""What every command needs first: settings, a home directory, and errors as sentences."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click

from tradewind.server.settings import HOME_VARIABLE, Settings, SettingsError, home_directory, load_settings

EXIT_FAILED = 1
EXIT_WRONG_USE = 2


class CommandFailed(click.ClickException):
    """Ends the command with a sentence and an exit code."""

    def __init__(self, message: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click asks the instance


def read_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Settings of this process.

    Raises:
        CommandFailed: A setting is unknown or wrong.
    """
    try:
        return load_settings(home_directory(os.environ), os.environ, overrides)
    except SettingsError as error:
        raise CommandFailed(f"wrong settings:\n{error}", EXIT_WRONG_USE) from None


@contextmanager
def sentences() -> Iterator[None]:
    """Turn the errors that a user can mend into one sentence without a traceback.

    Raises:
        CommandFailed: In place of such an error.
    """
    from tradewind.server.domain.refusals import Refused
    from tradewind.server.secrets import CipherError
    from tradewind.server.store import StoreError

    try:
        yield
    except (StoreError, CipherError, SettingsError) as error:
        raise CommandFailed(str(error)) from None
    except Refused as error:
        raise CommandFailed(f"{error.detail} {error.action or ''}".strip(), EXIT_WRONG_USE) from None


def make_home(settings: Settings) -> None:
    """Make the home directory, for its user alone, with the default folder of DAG files in it.

    Raises:
        CommandFailed: It cannot be made, or nothing can be written in it.
    """
    home = settings.home
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if settings.dags.folder is None:
            settings.dags_folder.mkdir(exist_ok=True)
    except OSError as error:
        raise CommandFailed(
            f"{error.filename or home} cannot be made: {error.strerror}; set {HOME_VARIABLE} to a folder that you own",
            EXIT_WRONG_USE,
        ) from None
    if not os.access(home, os.W_OK | os.X_OK):
        raise CommandFailed(
            f"nothing can be written in {home}; set {HOME_VARIABLE} to a folder that you own", EXIT_WRONG_USE
        )

"""Which server a program that no worker has started talks to, and with which credential."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tradewind.sdk.exceptions import TradewindConfigException

URL_FILE: Final = "api.url"
TOKEN_FILE: Final = "admin.token"  # noqa: S105 - the name of a file


@dataclass(frozen=True)
class Found:
    """A setting and where it was found."""

    value: str
    origin: str


def home_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """`TRADEWIND_HOME`, or `~/.tradewind`."""
    named = environ.get("TRADEWIND_HOME")
    return Path(named).expanduser().absolute() if named else Path.home() / ".tradewind"


def find_url(environ: Mapping[str, str] = os.environ) -> Found | None:
    """URL of the server: the environment's, else what `standalone` left.

    Raises:
        TradewindConfigException: the file is there and cannot be read.
    """
    return _find("TRADEWIND_API_URL", URL_FILE, environ)


def find_token(environ: Mapping[str, str] = os.environ) -> Found | None:
    """Credential for the server: the environment's, else what `standalone` left.

    Raises:
        TradewindConfigException: the file is there and cannot be read.
    """
    return _find("TRADEWIND_API_TOKEN", TOKEN_FILE, environ)


def _find(variable: str, name: str, environ: Mapping[str, str]) -> Found | None:
    if environ.get(variable):
        return Found(environ[variable].strip(), variable)
    path = home_directory(environ) / name
    try:
        return Found(path.read_text(encoding="utf-8").strip(), str(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        raise TradewindConfigException(
            f"{path} is not readable by you; set {variable}, or ask whoever started the server"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise TradewindConfigException(
            f"{path} cannot be read: {why}; set {variable}, or start the server anew"
        ) from None

"""What a worker is told before it starts: one frozen value, and the one function that reads it from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT_API_URL = "http://127.0.0.1:8080"
_QUEUE = re.compile(r"[A-Za-z0-9_.\-]{1,100}")
_MEBIBYTE = 1024 * 1024


class WorkerSettingsError(ValueError):
    """A setting of the worker is missing or wrong; the message names it and says what to do."""


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """Settings of one worker.

    Attributes:
        api_url: base URL of the API server, without a path of its own below it.
        token: the worker's credential. It never reaches user code, a log or a command line.
        queues: queues to serve; the server narrows them to those that the worker is enrolled for.
        capacity: task tries that may run at once.
        parse_capacity: parses of DAG files that may run at once.
        state_directory: folder for spool, code cache and process records; belongs to one worker at a time.
        withheld_environment: names of environment variables that user code does not get, beside `TRADEWIND_*`.
        max_warm_parents: DAG files that are kept imported, so that a try starts by a fork.
        stop_timeout: seconds for delivering the last outcomes when the worker stops; what is left stays spooled.
        code_cache_bytes: disk space for cached code that no running activity needs.
    """

    token: str = field(repr=False)
    state_directory: Path
    api_url: str = DEFAULT_API_URL
    queues: tuple[str, ...] = ("default",)
    capacity: int = 16
    parse_capacity: int = 2
    withheld_environment: tuple[str, ...] = ()
    max_warm_parents: int = 8
    stop_timeout: float = 5.0
    code_cache_bytes: int = 1024 * _MEBIBYTE

    def __post_init__(self) -> None:
        _check_url(self.api_url)
        if not self.token:
            raise WorkerSettingsError(
                "token is empty: set TRADEWIND_API_TOKEN to the credential that the server's administrator made for it"
            )
        for queue in self.queues:
            if not _QUEUE.fullmatch(queue):
                raise WorkerSettingsError(
                    f"queues holds {queue!r}: a queue has 1 to 100 letters, digits, dots, dashes and underscores"
                )
        for name in ("capacity", "parse_capacity", "max_warm_parents", "stop_timeout", "code_cache_bytes"):
            if getattr(self, name) < 0:
                raise WorkerSettingsError(f"{name} is {getattr(self, name)}: it must not be negative")

    def offered(self) -> dict[str, int]:
        """Kind of activity to how many may run at once, for the server."""
        return {"execute_task": self.capacity, "parse_dag_file": self.parse_capacity}

    def child_environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment of user code: the worker's less `TRADEWIND_*` and what the settings withhold."""
        withheld = set(self.withheld_environment)
        return {
            name: value for name, value in environ.items() if not name.startswith("TRADEWIND_") and name not in withheld
        }


def load_worker_settings(environ: Mapping[str, str], **chosen: object) -> WorkerSettings:
    """Settings from the environment; what the caller has chosen (and is not None) comes first.

    Variables: `TRADEWIND_API_URL`, `TRADEWIND_API_TOKEN`, `TRADEWIND_WORKER_QUEUES` (comma separated),
    `TRADEWIND_WORKER_CAPACITY`, `TRADEWIND_WORKER_PARSE_CAPACITY`, `TRADEWIND_WORKER_STATE_DIRECTORY`,
    `TRADEWIND_WORKER_WITHHELD_ENVIRONMENT` (comma separated), `TRADEWIND_WORKER_MAX_WARM_PARENTS`,
    `TRADEWIND_WORKER_STOP_TIMEOUT` (seconds), `TRADEWIND_WORKER_CODE_CACHE_BYTES`.

    Args:
        environ: usually `os.environ`.
        chosen: fields of `WorkerSettings`, such as options of a command line.

    Raises:
        WorkerSettingsError: a value is missing or wrong.
    """
    values: dict[str, object] = {"state_directory": _default_state_directory(environ)}
    for name, (variable, read) in _VARIABLES.items():
        text = environ.get(variable)
        if text:
            values[name] = _read(variable, text, read)
    values.update({name: value for name, value in chosen.items() if value is not None})
    values.setdefault("token", "")
    return WorkerSettings(**values)  # type: ignore[arg-type]


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


_VARIABLES = {
    "api_url": ("TRADEWIND_API_URL", str),
    "token": ("TRADEWIND_API_TOKEN", str),
    "queues": ("TRADEWIND_WORKER_QUEUES", _names),
    "capacity": ("TRADEWIND_WORKER_CAPACITY", int),
    "parse_capacity": ("TRADEWIND_WORKER_PARSE_CAPACITY", int),
    "state_directory": ("TRADEWIND_WORKER_STATE_DIRECTORY", Path),
    "withheld_environment": ("TRADEWIND_WORKER_WITHHELD_ENVIRONMENT", _names),
    "max_warm_parents": ("TRADEWIND_WORKER_MAX_WARM_PARENTS", int),
    "stop_timeout": ("TRADEWIND_WORKER_STOP_TIMEOUT", float),
    "code_cache_bytes": ("TRADEWIND_WORKER_CODE_CACHE_BYTES", int),
}


def _read(variable: str, text: str, read: object) -> object:
    try:
        return read(text)  # type: ignore[operator]
    except ValueError:
        raise WorkerSettingsError(f"{variable} is {text!r}: a number is needed there") from None


def _default_state_directory(environ: Mapping[str, str]) -> Path:
    home = environ.get("XDG_STATE_HOME") or Path(environ.get("HOME") or Path.home(), ".local", "state")
    return Path(home) / "tradewind" / "worker"


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise WorkerSettingsError(f"api_url is {url!r}: it must be like {DEFAULT_API_URL} or https://tradewind.example")

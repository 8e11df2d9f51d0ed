"""What a worker is told before it starts: one frozen value, and the one function that reads it from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT_API_URL = "http://127.0.0.1:8080"
_QUEUE = re.compile(r"[A-Za-z0-9_.\-]{1,100}")
_CLASS = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*")
_PREFIX = "TRADEWIND_WORKER_"
# What Kubernetes adds to the environment where a service is called tradewind-worker.
_SERVICE_LINK = re.compile(rf"{_PREFIX}(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_[A-Z]+)?)?)")
_MEBIBYTE = 1024 * 1024
_AMOUNTS = (
    "capacity",
    "parse_capacity",
    "max_warm_parents",
    "max_reused_processes",
    "reuse_idle_seconds",
    "drain_timeout",
    "stop_timeout",
    "code_cache_bytes",
)


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
        max_reused_processes: processes of tasks with `isolation="reuse"` that may wait for their next try.
        reuse_idle_seconds: a process that has waited so long ends.
        run_as_users: users of this host that tries may run as, where a task asks for one with `run_as_user`; a worker
            that runs as root can do it.
        xcom_backend: class that keeps the XComs of tasks, as `module:Class`; the control plane keeps them when None.
        xcom_classes: classes that XComs may be turned into beside the built-in ones, such as `acme.models.*`.
        drain_timeout: seconds that running tries get to end by themselves after the first SIGTERM.
        stop_timeout: seconds for delivering the last outcomes when the worker stops; what is left stays spooled.
        code_cache_bytes: disk space for cached code that no running activity needs.
    """

    token: str = field(repr=False)
    state_directory: Path
    api_url: str = DEFAULT_API_URL
    queues: tuple[str, ...] = ("default",)
    capacity: int = 16
    parse_capacity: int = 4
    withheld_environment: tuple[str, ...] = ()
    max_warm_parents: int = 8
    max_reused_processes: int = 16
    reuse_idle_seconds: float = 60.0
    run_as_users: tuple[str, ...] = ()
    xcom_backend: str | None = None
    xcom_classes: tuple[str, ...] = ()
    drain_timeout: float = 20.0
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
        if self.xcom_backend is not None and not _CLASS.fullmatch(self.xcom_backend):
            raise WorkerSettingsError(
                f"xcom_backend is {self.xcom_backend!r}: it must name a class like acme.xcoms:ObjectStore"
            )
        for name in _AMOUNTS:
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
    `TRADEWIND_WORKER_MAX_REUSED_PROCESSES`, `TRADEWIND_WORKER_REUSE_IDLE_SECONDS`,
    `TRADEWIND_WORKER_RUN_AS_USERS` (comma separated), `TRADEWIND_WORKER_XCOM_BACKEND`,
    `TRADEWIND_WORKER_XCOM_CLASSES` (comma separated), `TRADEWIND_WORKER_DRAIN_TIMEOUT` (seconds),
    `TRADEWIND_WORKER_STOP_TIMEOUT` (seconds), `TRADEWIND_WORKER_CODE_CACHE_BYTES`.

    Args:
        environ: usually `os.environ`.
        chosen: fields of `WorkerSettings`, such as options of a command line.

    Raises:
        WorkerSettingsError: a value is missing or wrong, or a variable that begins like those above is none of them.
    """
    _refuse_unknown(environ)
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
    "max_reused_processes": ("TRADEWIND_WORKER_MAX_REUSED_PROCESSES", int),
    "reuse_idle_seconds": ("TRADEWIND_WORKER_REUSE_IDLE_SECONDS", float),
    "run_as_users": ("TRADEWIND_WORKER_RUN_AS_USERS", _names),
    "xcom_backend": ("TRADEWIND_WORKER_XCOM_BACKEND", str),
    "xcom_classes": ("TRADEWIND_WORKER_XCOM_CLASSES", _names),
    "drain_timeout": ("TRADEWIND_WORKER_DRAIN_TIMEOUT", float),
    "stop_timeout": ("TRADEWIND_WORKER_STOP_TIMEOUT", float),
    "code_cache_bytes": ("TRADEWIND_WORKER_CODE_CACHE_BYTES", int),
}


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    """Refuse what looks like a setting and is none: a mistyped one would leave its default in force.

    Raises:
        WorkerSettingsError: naming the variable and the setting whose name is nearest.
    """
    known = {variable.removeprefix(_PREFIX) for variable, _ in _VARIABLES.values() if variable.startswith(_PREFIX)}
    for name in sorted(environ):
        of_worker = name.startswith(_PREFIX) and not _SERVICE_LINK.fullmatch(name)
        if of_worker and (rest := name.removeprefix(_PREFIX)) not in known:
            near = get_close_matches(rest, known, n=1)
            every = ", ".join(_PREFIX + one for one in sorted(known))
            meant = f"did you mean {_PREFIX}{near[0]}?" if near else f"settings are {every}"
            raise WorkerSettingsError(f"{name} is no setting of the worker: {meant}")


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

"""Settings of the control plane: frozen values read once, at start, from a file and the environment."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRONMENT_PREFIX = "TRADEWIND__"
HOME_VARIABLE = "TRADEWIND_HOME"
SETTINGS_FILE = "tradewind.toml"

Days = Annotated[float, Field(ge=0, le=36_500)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Bytes = Annotated[int, Field(gt=0, le=1 << 40)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]{1,100}$")]
# An empty path would be the working directory, which nobody means who leaves a value empty.
MaybePath = Annotated[Path | None, BeforeValidator(lambda given: None if given == "" else given)]


class SettingsError(ValueError):
    """A setting is unknown or has a wrong value; the message names it, where it stands, and what is expected."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class DatabaseSettings(_Section):
    """Where the metadata database is."""

    url: str = Field("", description="sqlite:///PATH or postgresql://…; a file in the home directory when empty.")

    @field_validator("url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            message = "must begin with sqlite:/// or postgresql://"
            raise ValueError(message)
        return value


class ApiSettings(_Section):
    """The API server."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65_535, description="Port to listen on; 0 picks a free one.")
    public_url: str = Field("", description="URL under which workers and people reach the server; derived when empty.")
    max_body_bytes: Bytes = Field(16 << 20, description="Largest body of a request. A DAG of 10,000 tasks takes 6 MiB.")
    max_frame_bytes: Bytes = Field(1 << 20, description="Largest frame of a worker session.")

    @field_validator("public_url")
    @classmethod
    def _is_a_web_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", value):
            message = "must be http://HOST or https://HOST, with a port and a path where there are any"
            raise ValueError(message)
        return value


class SchedulerSettings(_Section):
    """The scheduler."""

    lease_seconds: Seconds = Field(5, description="How long a leader leads without renewing.")
    poll_seconds: Seconds = Field(5, description="Longest pause between two looks when no hint arrives.")
    max_lost_tries: int = Field(3, ge=0, le=1000, description="Lost tries of an instance that count as no failure.")


class WorkerSettings(_Section):
    """What the control plane asks of workers."""

    lease_seconds: Seconds = Field(15, description="Silence after which the tries of a worker are unreachable.")
    renew_every_seconds: Seconds = Field(5, description="Pause between two signs of life of a worker.")
    takeover_after_seconds: Seconds = Field(300, description="Silence after which a try counts as lost.")
    handout_timeout_seconds: Seconds = Field(600, description="Time that a broker has to start an activity.")

    @model_validator(mode="after")
    def _one_waits_for_the_other(self) -> Self:
        if self.renew_every_seconds >= self.lease_seconds:
            message = (
                "renew_every_seconds must be less than lease_seconds: every worker would be unreachable in between"
            )
            raise ValueError(message)
        return self


class DagSettings(_Section):
    """The bundle of DAG files."""

    folder: MaybePath = Field(None, description="Directory of the DAG files; `dags` in the home when absent.")
    bundle: Name = Field("dags", description="Name of the bundle.")
    refresh_seconds: Seconds = Field(0.5, description="Pause between two looks for changed files.")
    parse_timeout_seconds: Seconds = Field(30, description="Time that the import of one DAG file may take.")
    paused_at_creation: bool = Field(False, description="Whether a DAG that is new is paused.")  # noqa: FBT003 - a default
    max_file_bytes: Bytes = Field(16 << 20, description="Largest file of a bundle.")
    max_bundle_bytes: Bytes = Field(256 << 20, description="Largest bundle.")


class SecuritySettings(_Section):
    """Keys, tokens and grants."""

    key_file: MaybePath = Field(None, description="Key of the secrets; `secret.key` in the home when absent.")
    token_lifetime_seconds: Seconds = Field(600, description="Life of an execution token.")
    grants: Literal["deny", "audit", "allow"] = Field(
        "audit", description="What happens to an undeclared read of a secret."
    )


class LogSettings(_Section):
    """Where the logs of tasks are kept."""

    directory: MaybePath = Field(None, description="Directory of the task logs; `logs` in the home when absent.")


class RetentionSettings(_Section):
    """How long to keep what is over; 0 keeps it for ever."""

    runs_days: Days = Field(90, description="Age of ended runs, with their tries, XComs, events and logs.")
    runs_per_dag: int = Field(1, ge=1, le=1_000_000, description="Newest ended runs of each DAG that stay anyway.")
    parses_days: Days = Field(7, description="Age of parses that have ended.")
    snapshots_days: Days = Field(30, description="Age since they were replaced of code and DAG versions without a run.")
    audit_days: Days = Field(365, description="Age of entries of the audit trail.")
    refused_calls: int = Field(
        10_000, ge=0, le=1_000_000_000, description="Most entries of the audit trail about refused calls."
    )


class ExecutorSettings(_Section):
    """Who hands activities out."""

    default: Name = Field("worker_session", description="Executor of tasks that name none.")
    command: dict[Name, list[str]] = Field(
        default_factory=dict, description="Further executors: name to a command that runs one activity."
    )
    command_capacity: int = Field(16, ge=1, le=10_000, description="Activities that one command executor runs at once.")

    @field_validator("command")
    @classmethod
    def _commands_are_complete(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        for name, argv in value.items():
            if name == "worker_session":
                message = "worker_session is the built-in executor; choose another name"
                raise ValueError(message)
            if not argv or not argv[0]:
                message = f"{name} needs at least the program to run"
                raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _default_exists(self) -> Self:
        known = ["worker_session", *sorted(self.command)]
        if self.default not in known:
            message = f"default names {self.default}, which is none of: {', '.join(known)}; add it to executors.command"
            raise ValueError(message)
        return self


class Settings(_Section):
    """All settings of one control-plane process."""

    home: Path
    database: DatabaseSettings = DatabaseSettings()
    api: ApiSettings = ApiSettings()
    scheduler: SchedulerSettings = SchedulerSettings()
    workers: WorkerSettings = WorkerSettings()
    dags: DagSettings = DagSettings()
    security: SecuritySettings = SecuritySettings()
    logs: LogSettings = LogSettings()
    retention: RetentionSettings = RetentionSettings()
    executors: ExecutorSettings = ExecutorSettings()

    @property
    def database_url(self) -> str:
        """URL of the metadata database, never empty."""
        return self.database.url or f"sqlite:///{self.home / 'tradewind.db'}"

    @property
    def dags_folder(self) -> Path:
        """Directory of the DAG files."""
        return self.dags.folder or self.home / "dags"

    @property
    def key_file(self) -> Path:
        """File of the key ring that encrypts secrets at rest."""
        return self.security.key_file or self.home / "secret.key"

    @property
    def logs_directory(self) -> Path:
        """Directory of the task logs."""
        return self.logs.directory or self.home / "logs"

    @property
    def public_url(self) -> str:
        """URL under which this server is reached."""
        if self.api.public_url:
            return self.api.public_url.rstrip("/")
        host = "127.0.0.1" if self.api.host in {"0.0.0.0", "::"} else self.api.host  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.api.port}" if ":" in host else f"http://{host}:{self.api.port}"


def home_directory(environ: Mapping[str, str]) -> Path:
    """Directory that holds settings, database and keys: `TRADEWIND_HOME`, or `~/.tradewind`."""
    named = environ.get(HOME_VARIABLE)
    return Path(named).expanduser().absolute() if named else Path.home() / ".tradewind"


def load_settings(home: Path, environ: Mapping[str, str], overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read `tradewind.toml` under the home directory, then `TRADEWIND__SECTION__KEY`, then overrides.

    Overrides are nested as in the file and stand for command-line options.

    Raises:
        SettingsError: A setting is unknown or wrong, or the file is not TOML.
    """
    path = home / SETTINGS_FILE
    values: dict[str, Any] = _read_file(path)
    origins: dict[tuple[str, ...], str] = {}
    for variable, text in environ.items():
        if variable.startswith(ENVIRONMENT_PREFIX):
            keys = tuple(part.lower() for part in variable[len(ENVIRONMENT_PREFIX) :].split("__"))
            _put(values, keys, _parse_text(keys, text, variable), variable)
            origins[keys] = variable
    for section, entries in (overrides or {}).items():
        for key, value in entries.items():
            _put(values, (section, key), value, "command line")
            origins[section, key] = "command line"
    if "home" in values:
        message = f"home: set it with {HOME_VARIABLE}, not in {path}"
        raise SettingsError(message)
    try:
        return Settings.model_validate({**values, "home": home})
    except ValidationError as error:
        raise SettingsError(_explain(error, path, origins)) from None


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise SettingsError(message) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path}: not valid TOML: {error}"
        raise SettingsError(message) from None


def _parse_text(keys: tuple[str, ...], text: str, variable: str) -> Any:
    """Lists and tables are JSON; every other value is left to the model."""
    if text[:1] not in "[{" or not text:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        message = f"{'.'.join(keys)} ({variable}): lists and tables in the environment are JSON: {error}"
        raise SettingsError(message) from None


def _put(values: dict[str, Any], keys: tuple[str, ...], value: Any, origin: str) -> None:
    target = values
    for key in keys[:-1]:
        nested = target.setdefault(key, {})
        if not isinstance(nested, dict):
            message = f"{'.'.join(keys)} ({origin}): {key} is a single value, not a section"
            raise SettingsError(message)
        target = nested
    target[keys[-1]] = value


def _explain(error: ValidationError, path: Path, origins: Mapping[tuple[str, ...], str]) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        location = tuple(str(part) for part in problem["loc"])
        origin = _origin(location, origins) or str(path)
        if problem["type"] == "extra_forbidden":
            lines.append(f"{'.'.join(location)} ({origin}): there is no such setting; {_offer(location)}")
        else:
            reason = problem["msg"].removeprefix("Value error, ")
            # A database URL may hold a password.
            is_secret_or_whole = location == ("database", "url") or problem["type"] == "value_error"
            got = "" if is_secret_or_whole else f", got {problem['input']!r}"
            lines.append(f"{'.'.join(location)} ({origin}): {reason}{got}")
    return "\n".join(lines)


def _origin(location: tuple[str, ...], origins: Mapping[tuple[str, ...], str]) -> str | None:
    """What gave the setting, a part of it, or the whole that it is in."""
    for keys, origin in origins.items():
        shorter = min(len(keys), len(location))
        if keys[:shorter] == location[:shorter]:
            return origin
    return None


def _offer(location: tuple[str, ...]) -> str:
    """Name what may stand where an unknown setting stood."""
    fields = Settings.model_fields
    if len(location) == 1:
        return "sections are " + ", ".join(sorted(set(fields) - {"home"}))
    section = fields[location[0]].annotation
    known = section.model_fields if isinstance(section, type) and issubclass(section, BaseModel) else {}
    return f"{location[0]} has " + ", ".join(sorted(known))

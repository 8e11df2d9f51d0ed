"""The arguments of a DAG: their types, defaults and checks, in one place."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypedDict

from tradewind.sdk.authoring import arguments as check
from tradewind.sdk.authoring.params import ParamsDict
from tradewind.sdk.authoring.timezones import optional_utc, parse_date
from tradewind.sdk.exceptions import DagAuthoringError, ParamValidationError

DEFAULT_MAX_ACTIVE_RUNS = 16
DEFAULT_MAX_ACTIVE_TASKS = 16
"""Both as in Airflow."""

_MANY = 100_000
_DATES = ("start_date", "end_date")
_LONGEST_LINK = 2000


class DagArguments(TypedDict, total=False):
    """What a DAG may be given beside its id; `DagFields` says what each is for."""

    schedule: Any
    start_date: dt.datetime | None
    end_date: dt.datetime | None
    catchup: bool
    description: str | None
    doc_md: str | None
    tags: Collection[str] | None
    default_args: dict[str, Any] | None
    params: Mapping[str, Any] | None
    max_active_tasks: int | None
    max_active_runs: int | None
    max_consecutive_failed_dag_runs: int | None
    dagrun_timeout: dt.timedelta | None
    is_paused_upon_creation: bool | None
    fail_fast: bool
    dag_display_name: str | None
    owner_links: Mapping[str, str] | None
    template_searchpath: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None
    template_undefined: Any
    user_defined_macros: Mapping[str, Any] | None
    user_defined_filters: Mapping[str, Any] | None
    jinja_environment_kwargs: Mapping[str, Any] | None
    render_template_as_native_obj: bool
    connections: Collection[str] | None
    variables: Collection[str] | None
    write_variables: Collection[str] | None
    read_dags: Collection[str] | None
    trigger_dags: Collection[str] | None
    auto_register: bool


class DagFields:
    """What a DAG was given, as its attributes.

    Attributes:
        schedule: when runs come due: a cron expression, a preset such as `@daily`, `@once` or `@continuous`, a
            timedelta, a relativedelta, a timetable, or None for runs that are only triggered.
        start_date: runs are scheduled for moments from here on; its time zone is that of the schedule.
        end_date: runs are scheduled for moments up to here.
        catchup: whether moments that passed unscheduled have runs, too.
        description: one line about the DAG.
        doc_md: documentation in Markdown, or the path of a `.md` file beside the DAG file.
        tags: labels for searching.
        max_active_tasks: task instances that may be active at once in one run.
        max_active_runs: runs that may be running at once.
        max_consecutive_failed_dag_runs: failed runs in a row after which the DAG is paused; 0 for never.
        dagrun_timeout: time after which a run is ended as failed.
        is_paused_upon_creation: whether the DAG is paused when it is first seen; the deployment's default when None.
        fail_fast: whether the first failed task ends the run.
        owner_links: owner to the address of a page or mailbox.
        template_searchpath: directories where template files are looked for, after that of the DAG file.
        template_undefined: class of what an unknown name in a template stands for; its use is an error when None.
        user_defined_macros: further names for templates.
        user_defined_filters: further filters for templates.
        jinja_environment_kwargs: options of Jinja.
        render_template_as_native_obj: whether templates give Python values instead of text.
        connections: ids of connections that all tasks may read, or prefixes with an asterisk. Exact ones come with
            each task.
        variables: the same for variables.
        write_variables: the same for variables that tasks set or delete.
        read_dags: other DAGs whose runs and XComs tasks read.
        trigger_dags: DAGs that tasks trigger.
        auto_register: whether a `with` block alone makes the DAG known, without a name at module level.
    """

    schedule: Any = None
    start_date: dt.datetime | None = None
    end_date: dt.datetime | None = None
    catchup: bool = False
    description: str | None = None
    doc_md: str | None = None
    tags: Collection[str] | None = ()
    max_active_tasks: int = DEFAULT_MAX_ACTIVE_TASKS
    max_active_runs: int = DEFAULT_MAX_ACTIVE_RUNS
    max_consecutive_failed_dag_runs: int = 0
    dagrun_timeout: dt.timedelta | None = None
    is_paused_upon_creation: bool | None = None
    fail_fast: bool = False
    owner_links: Mapping[str, str] | None = None
    template_searchpath: Any = None
    template_undefined: Any = None
    user_defined_macros: Mapping[str, Any] | None = None
    user_defined_filters: Mapping[str, Any] | None = None
    jinja_environment_kwargs: Mapping[str, Any] | None = None
    render_template_as_native_obj: bool = False
    connections: Collection[str] | None = ()
    variables: Collection[str] | None = ()
    write_variables: Collection[str] | None = ()
    read_dags: Collection[str] | None = ()
    trigger_dags: Collection[str] | None = ()
    auto_register: bool = True


DEFAULTS: Mapping[str, Any] = {name: getattr(DagFields, name) for name in DagFields.__annotations__}
"""Each field and the value that it has unless one is given."""


def _limit(name: str, value: Any, owner: str) -> int:
    if value is None:
        return int(DEFAULTS[name])
    smallest = 0 if name == "max_consecutive_failed_dag_runs" else 1
    return check.whole_number(name, value, owner, smallest=smallest, largest=_MANY)


def _timeout(name: str, value: Any, owner: str) -> dt.timedelta | None:
    if value is not None and not isinstance(value, dt.timedelta):
        raise DagAuthoringError(f"{name} of {owner} must be a timedelta, not {value!r}.")
    return None if value is None else check.duration(name, value, owner, above_zero=True)


def _mapping(name: str, value: Any, owner: str) -> Mapping[str, Any] | None:
    if value is not None and not (isinstance(value, Mapping) and all(isinstance(key, str) for key in value)):
        raise DagAuthoringError(f"{name} of {owner} must be a dict whose keys are strings, not {value!r}.")
    return value


def _directories(name: str, value: Any, owner: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    paths = [value] if isinstance(value, str | os.PathLike) else value
    if not isinstance(paths, Iterable):
        raise DagAuthoringError(f"{name} of {owner} must be a path or a list of paths, not {value!r}.")
    found = tuple(paths)
    if not all(isinstance(path, str | os.PathLike) for path in found):
        raise DagAuthoringError(f"{name} of {owner} must hold paths only, not {value!r}.")
    return tuple(os.fspath(path) for path in found)


def _links(name: str, value: Any, owner: str) -> Mapping[str, str] | None:
    from urllib.parse import urlsplit

    links = _mapping(name, value, owner)
    for who, link in (links or {}).items():
        parts = urlsplit(link) if isinstance(link, str) and len(link) <= _LONGEST_LINK else None
        if parts is None or not ((parts.scheme and parts.netloc) or (parts.scheme == "mailto" and parts.path)):
            raise DagAuthoringError(
                f"{name} of {owner} has {link!r} for {who!r}; it must be an address such as 'https://example.org' or "
                "'mailto:someone@example.org'."
            )
    return links


CHECKS: Mapping[str, Callable[[str, Any, str], Any]] = {
    "start_date": optional_utc,
    "end_date": optional_utc,
    "catchup": lambda name, value, owner: value is not None and check.flag(name, value, owner),
    "description": check.text,
    "doc_md": check.documentation,
    "tags": lambda _name, value, owner: check.tags(value, owner),
    **dict.fromkeys(("max_active_tasks", "max_active_runs", "max_consecutive_failed_dag_runs"), _limit),
    "dagrun_timeout": _timeout,
    "is_paused_upon_creation": check.optional(check.flag),
    "fail_fast": check.flag,
    "owner_links": _links,
    "template_searchpath": _directories,
    "template_undefined": check.optional_callable,
    **dict.fromkeys(("user_defined_macros", "user_defined_filters", "jinja_environment_kwargs"), _mapping),
    "render_template_as_native_obj": check.flag,
    **dict.fromkeys(("connections", "variables", "write_variables", "read_dags", "trigger_dags"), check.grants),
    "auto_register": check.flag,
}
"""What brings each field into its one form, or refuses it."""


def default_args(given: object, owner: str) -> tuple[dict[str, Any], dt.tzinfo | None]:
    """The defaults for arguments of operators, their dates in UTC, and the time zone of their start date.

    Args:
        given: what the DAG was given.
        owner: the DAG in words.
    """
    if given is not None and not isinstance(given, dict):
        raise DagAuthoringError(f"default_args of {owner} must be a dict, not {given!r}.")
    arguments = dict(given or {})
    zone = None
    for name in _DATES:
        if arguments.get(name) is not None:
            date = parse_date(name, arguments[name], owner)
            arguments[name] = optional_utc(name, date, owner)
            if name == "start_date":
                zone = getattr(date, "tzinfo", None)
    return arguments, zone


def dag_params(given: object, defaults: object, owner: str) -> ParamsDict:
    """The params of a DAG.

    Args:
        given: its argument.
        defaults: those that its `default_args` hold.
        owner: the DAG in words.
    """
    for value in (given, defaults):
        if value is not None and not isinstance(value, Mapping):
            raise DagAuthoringError(f"params of {owner} must be a dict, not {value!r}.")
    try:
        return ParamsDict({**(dict(given.items()) if given else {}), **(dict(defaults.items()) if defaults else {})})  # type: ignore[attr-defined]  # checked above
    except ParamValidationError as error:
        raise ParamValidationError(f"params of {owner}: {error}") from None


def documentation(doc_md: Any, fileloc: str) -> Any:
    """The documentation itself, where the path of a `.md` file beside the DAG file is given."""
    if not isinstance(doc_md, str) or not doc_md.endswith(".md") or "\n" in doc_md:
        return doc_md
    try:
        with open(os.path.join(os.path.dirname(fileloc), doc_md), encoding="utf-8") as file:  # noqa: PTH118, PTH120, PTH123 - pathlib costs a DAG file its import
            return file.read()
    except FileNotFoundError:
        return doc_md

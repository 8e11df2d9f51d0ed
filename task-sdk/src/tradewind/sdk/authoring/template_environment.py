"""Jinja environments as Airflow has them. Only this module and that of failures import Jinja; import them late."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import jinja2
import jinja2.nativetypes
import jinja2.sandbox

from tradewind.sdk.authoring.context import ContextValues
from tradewind.sdk.authoring.template_settings import search_path

_ENVIRONMENTS = "_template_environments"


class _OwnAttributes:
    """Templates may use attributes that begin with one underscore, as in Airflow."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return not jinja2.sandbox.is_internal_attribute(obj, attr)


class SandboxedEnvironment(_OwnAttributes, jinja2.sandbox.SandboxedEnvironment):
    """Renders to text. The sandbox guards against accidents, not against an author."""


class NativeEnvironment(jinja2.nativetypes.NativeEnvironment):
    """Renders to Python values."""


def environment_of(dag: Any, *, native: bool) -> jinja2.Environment:
    """The environment of a DAG, made once in a process.

    Args:
        dag: the DAG; None for a task that has none.
        native: whether templates give Python values.
    """
    if dag is None:
        return make_environment(native=native)
    environments: dict[bool, jinja2.Environment] = dag.__dict__.setdefault(_ENVIRONMENTS, {})
    if native not in environments:
        environments[native] = make_environment(
            native=native,
            directories=search_path(dag),
            undefined=getattr(dag, "template_undefined", None),
            options=getattr(dag, "jinja_environment_kwargs", None),
            macros=getattr(dag, "user_defined_macros", None),
            filters=getattr(dag, "user_defined_filters", None),
        )
    return environments[native]


def make_environment(
    *,
    native: bool = False,
    directories: Iterable[str] = (),
    undefined: type[jinja2.Undefined] | None = None,
    options: Mapping[str, Any] | None = None,
    macros: Mapping[str, Any] | None = None,
    filters: Mapping[str, Any] | None = None,
) -> jinja2.Environment:
    """An environment with Airflow's options and filters.

    Args:
        native: whether templates give Python values instead of text.
        directories: where template files are looked for.
        undefined: what a name stands for that is not known; one whose use is an error when None.
        options: options of Jinja that take precedence.
        macros: further names.
        filters: further filters.
    """
    given: dict[str, Any] = {
        "undefined": undefined or jinja2.StrictUndefined,
        "extensions": ["jinja2.ext.do"],
        "cache_size": 0,
        "loader": jinja2.FileSystemLoader(list(directories)),
        **(options or {}),
    }
    environment = NativeEnvironment(**given) if native else SandboxedEnvironment(**given)
    environment.filters.update(FILTERS)
    environment.globals.update(macros or {})
    environment.filters.update(filters or {})
    return environment


def source_of(environment: jinja2.Environment, name: str) -> str:
    """What a template file holds.

    Raises:
        jinja2.TemplateNotFound: there is no such file.
    """
    if environment.loader is None:
        raise jinja2.TemplateNotFound(name)
    return environment.loader.get_source(environment, name)[0]


def render_text(environment: jinja2.Environment, text: str, context: Mapping[str, Any], *, is_file: bool) -> Any:
    """Render a template.

    Args:
        environment: the environment.
        text: the template, or the name of its file.
        context: what it sees; its keys win over macros of the same name.
        is_file: whether the text is the name of a file.
    """
    template = environment.get_template(text) if is_file else environment.from_string(text)
    names = ContextValues(template.globals)
    names.update(context)
    try:
        # The context is handed over as it is: a copy by Jinja would ask for each value, lazy ones too.
        nodes = template.root_render_func(environment.context_class(environment, names, template.name, template.blocks))
        if isinstance(environment, jinja2.nativetypes.NativeEnvironment):
            return jinja2.nativetypes.native_concat(nodes)
        return "".join(nodes)
    except Exception:  # noqa: BLE001 - raised again, with the lines of the template in its traceback
        environment.handle_exception()


def _date_filter(pattern: str) -> Any:
    return lambda date: None if date is None else date.strftime(pattern)


def _ts(date: dt.datetime | None) -> str | None:
    return None if date is None else date.isoformat()


def _ts_nodash_with_tz(date: dt.datetime | None) -> str | None:
    return None if date is None else date.isoformat().replace("-", "").replace(":", "")


FILTERS: Mapping[str, Any] = {
    "ds": _date_filter("%Y-%m-%d"),
    "ds_nodash": _date_filter("%Y%m%d"),
    "ts": _ts,
    "ts_nodash": _date_filter("%Y%m%dT%H%M%S"),
    "ts_nodash_with_tz": _ts_nodash_with_tz,
}
"""Filters for dates, as Airflow has them."""

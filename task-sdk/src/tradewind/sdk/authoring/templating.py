"""Templated fields of operators: found when a DAG file is loaded, rendered when the task runs.

Jinja is imported only where something has to be rendered: plain text costs no more than looking at it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tradewind.sdk.authoring.rendering import Rendering
from tradewind.sdk.authoring.template_settings import TemplateSettings, texts_in

if TYPE_CHECKING:
    import jinja2

    from tradewind.sdk.authoring.context import Context

_MISSING = object()

_log = logging.getLogger("tradewind.task")


class Templated:
    """The part of an operator that renders its fields. Override `prepare_template` to change what a file holds."""

    template_fields: Collection[str] = ()
    template_ext: Sequence[str] = ()

    def get_template_env(self, dag: Any = None) -> jinja2.Environment:
        """The Jinja environment of the task: that of its DAG, made once in a process.

        Args:
            dag: another DAG than that of the task.
        """
        from tradewind.sdk.authoring.template_environment import environment_of

        return environment_of(self._template_dag() if dag is None else dag, native=self._renders_natively())

    def render_template_fields(self, context: Context, jinja_env: jinja2.Environment | None = None) -> None:
        """Render all templated fields in place.

        Args:
            context: what the templates see.
            jinja_env: environment to use; that of the DAG when None.
        """
        names = self.template_fields if jinja_env is not None else self.fields_to_render()
        if jinja_env is None:
            fields = self.__dict__
            for name in fields["_fields_to_copy"]:
                fields[name] = fields[name].copy()
        if names:
            Rendering(self, context, jinja_env).render_fields(self, names)

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render a value: text, and what lists, tuples, sets, dicts and objects with template fields hold.

        Args:
            content: the value; text that ends like a template file is the name of one.
            context: what the templates see.
            jinja_env: environment to use; that of the DAG when None.
            seen_oids: accepted, as in Airflow.
        """
        return Rendering(self, context, jinja_env).render(content)

    def resolve_template_files(self) -> None:
        """Put the contents of template files in the place of their names, then call `prepare_template`."""
        settings = self.template_settings()
        for name in self.template_fields:
            value = getattr(self, name, None)
            if isinstance(value, str) and settings.is_file(value):
                setattr(self, name, self._template_source(value))
            elif isinstance(value, list) and any(isinstance(item, str) and settings.is_file(item) for item in value):
                loaded = [
                    self._template_source(item) if isinstance(item, str) and settings.is_file(item) else item
                    for item in value
                ]
                setattr(self, name, loaded)
        self.prepare_template()

    def prepare_template(self) -> None:
        """Called when template files have been read and nothing is rendered yet; does nothing unless overridden."""

    def fields_to_render(self) -> Sequence[str]:
        """The template fields that rendering may change; found once in a process that forks the tries of a task.

        Left out are those of which it would only make a copy.
        """
        fields = self.__dict__
        known: Sequence[str] | None = fields.get("_fields_to_render")
        if known is None:
            settings = self.template_settings()
            changing = [name for name in self.template_fields if settings.may_change(getattr(self, name, _MISSING))]
            copied = [
                name
                for name in changing
                if settings.is_only_copied(value := getattr(self, name)) and fields.get(name) is value
            ]
            known = [name for name in changing if name not in copied]
            fields.update(_fields_to_copy=copied, _fields_to_render=known)
        return known

    def forget_fields_to_render(self) -> None:
        """Look at the fields again: one of them has been set."""
        self.__dict__.pop("_fields_to_render", None)

    def template_settings(self) -> TemplateSettings:
        """What decides how the fields are rendered."""
        own_options = bool(getattr(self._template_dag(), "jinja_environment_kwargs", None))
        return TemplateSettings(own_options or self._renders_natively(), tuple(self.template_ext or ()))

    def _renders_natively(self) -> bool:
        own = getattr(self, "render_template_as_native_obj", None)
        return bool(getattr(self._template_dag(), "render_template_as_native_obj", False) if own is None else own)

    def _template_dag(self) -> Any:
        return getattr(self, "_dag", None)

    def _template_source(self, name: str) -> str:
        from tradewind.sdk.authoring.template_environment import source_of

        return source_of(self.get_template_env(), name)


def prepares_templates(task: Templated) -> bool:
    """Whether the operator changes what its template files hold before they are rendered."""
    return type(task).prepare_template is not Templated.prepare_template


def template_files(task: Templated) -> Iterator[str]:
    """The names of the template files of a task."""
    if task.template_ext:
        settings = task.template_settings()
        for name in task.template_fields:
            yield from filter(settings.is_file, texts_in(getattr(task, name, None)))


def make_ready(tasks: Iterable[Templated]) -> None:
    """Do once, where tries are forked, what each would else do for itself: look at the fields, and import Jinja.

    Jinja is imported if any of the tasks needs it. An environment that cannot be made is the failure of those tries.
    """
    for task in tasks:
        task.fields_to_render()
        settings = task.template_settings()
        texts = (text for name in task.template_fields for text in texts_in(getattr(task, name, None)))
        if any(settings.needs_jinja(text) for text in texts):
            try:
                task.get_template_env().from_string("{{ 1 }}").render()
            except Exception:  # noqa: BLE001 - a try repeats it, fails and says so
                _log.debug("The Jinja environment cannot be made.", exc_info=True)

"""One rendering of the fields of a task: its own values and what they hold, however deep."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from tradewind.sdk.authoring.template_settings import TemplateSettings, nested_fields

if TYPE_CHECKING:
    import jinja2

    from tradewind.sdk.authoring.context import Context

_MISSING = object()


class RenderedTask(Protocol):
    """What a rendering asks of its task."""

    def template_settings(self) -> TemplateSettings:
        """What decides how the fields are rendered."""
        ...

    def get_template_env(self) -> jinja2.Environment:
        """The Jinja environment of the task."""
        ...


class Rendering:
    """Renders values in the context of a task.

    Args:
        task: the task, for its settings and its environment.
        context: what templates see.
        environment: a Jinja environment of the caller's own.
    """

    def __init__(self, task: RenderedTask, context: Context, environment: jinja2.Environment | None) -> None:
        self._task = task
        self._context = context
        self._environment = environment
        settings = task.template_settings()
        self._settings = settings if environment is None else settings._replace(by_jinja=True)
        self._copies: dict[int, tuple[Any, Any]] = {}

    def render_fields(self, owner: Any, names: Iterable[str]) -> None:
        """Render fields of the task, or of an object in one of them, in place.

        Raises:
            AttributeError: there is no such field.
            Exception: whatever a template raises, with a note that names field, task and line.
        """
        for name in names:
            value = getattr(owner, name, _MISSING)
            if value is _MISSING:
                raise AttributeError(
                    f"{name!r} is a template field of {type(owner).__name__}, which has no attribute of that name."
                )
            try:
                rendered = self.render(value)
            except Exception as error:
                error.add_note(self._place(error, owner, name))
                raise
            setattr(owner, name, rendered)

    def render(self, value: Any) -> Any:
        """The rendered form of a value; containers are new ones."""
        if isinstance(value, str):
            return self._render_text(value)
        if (resolve := _resolver(value)) is not None:
            return resolve(self._context)
        if isinstance(value, dict):
            return {key: self.render(item) for key, item in value.items()}
        if isinstance(value, tuple):
            items = [self.render(item) for item in value]
            return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
        if isinstance(value, list):
            return [self.render(item) for item in value]
        if isinstance(value, set | frozenset):
            rendered = {self.render(item) for item in value}
            return rendered if isinstance(value, set) else frozenset(rendered)
        return self._render_nested(value)

    def _render_text(self, text: str) -> Any:
        if not self._settings.needs_jinja(text):
            return _without_template(text)
        from tradewind.sdk.authoring.template_environment import render_text

        if self._environment is None:
            self._environment = self._task.get_template_env()
        return render_text(self._environment, text, self._context, is_file=self._settings.is_file(text))

    def _render_nested(self, value: Any) -> Any:
        """A rendered copy of an object with template fields; the object itself belongs to the DAG."""
        names = nested_fields(value)
        if not names:
            return value
        if id(value) not in self._copies:
            self._copies[id(value)] = value, copy.copy(value)
            self.render_fields(self._copies[id(value)][1], names)
        return self._copies[id(value)][1]

    def _place(self, error: Exception, owner: Any, name: str) -> str:
        inner = "" if owner is self._task else f" of a {type(owner).__name__}"
        place = f"In the template field {name!r}{inner} of task {getattr(self._task, 'task_id', '?')!r}"
        if "jinja2" not in sys.modules:
            return f"{place}."
        from tradewind.sdk.authoring.template_failure import explain

        return f"{place}{explain(error, self._environment)}"


def _resolver(value: Any) -> Callable[[Any], Any] | None:
    if isinstance(value, type | os.PathLike):  # Path.resolve is another matter
        return None
    resolve = getattr(value, "resolve", None)
    return resolve if callable(resolve) else None


def _without_template(text: str) -> str:
    """What Jinja makes of a text that holds no template: it drops the last line end and knows one kind of them."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.removesuffix("\n")

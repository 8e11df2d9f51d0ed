"""What can be a template: texts, names of template files, and what holds them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from tradewind.sdk.authoring.dependencies import TaskNode

_TEMPLATE = re.compile(r"\{\{|\{%|\{#")
_PLAIN = frozenset({str, bytes, int, float, bool, type(None)})
_CONTAINERS = (list, tuple, set, frozenset, dict)


class TemplateSettings(NamedTuple):
    """What decides how the fields of a task are rendered.

    Args:
        by_jinja: whether only Jinja can tell what becomes of a text: it gives Python values, or has other delimiters.
        extensions: ends of names of template files.
    """

    by_jinja: bool
    extensions: tuple[str, ...]

    def is_file(self, text: str) -> bool:
        """Whether the text is the name of a template file."""
        return text.endswith(self.extensions)

    def needs_jinja(self, text: str) -> bool:
        """Whether the text is a template."""
        return self.by_jinja or self.is_file(text) or _TEMPLATE.search(text) is not None

    def may_change(self, value: object) -> bool:
        """Whether rendering gives another value; a container that can be changed, always: tries do not share one."""
        if isinstance(value, str):
            return self.needs_jinja(value) or "\r" in value or value.endswith("\n")
        if type(value) is tuple:
            return not all(map(self._is_fixed, value))
        return type(value) not in _PLAIN and not (isinstance(value, _CONTAINERS) and not value)

    def is_only_copied(self, value: object) -> bool:
        """Whether rendering gives a list or dict with the same items: a copy does as well."""
        items = value if type(value) is list else value.values() if type(value) is dict else ()
        return bool(items) and all(map(self._is_fixed, items))

    def _is_fixed(self, item: object) -> bool:
        """Whether it stays the same object when it is rendered, and nobody can change it."""
        return type(item) in _PLAIN and not self.may_change(item)


def search_path(dag: Any) -> list[str]:
    """Where the template files of a DAG are looked for: beside its file, then in its `template_searchpath`.

    A relative directory is one beside the file.
    """
    folder = os.path.dirname(getattr(dag, "fileloc", ""))  # noqa: PTH120 - as the DAG has it
    given = getattr(dag, "template_searchpath", None) or []
    more = [given] if isinstance(given, str | os.PathLike) else given
    return [folder, *(os.path.join(folder, os.fspath(directory)) for directory in more)]  # noqa: PTH118 - as it is given


def texts_in(value: object) -> Iterator[str]:
    """All texts in a value, however deep."""
    waiting: list[object] = [value]
    seen: set[int] = set()
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif id(item) not in seen and not isinstance(item, type):
            seen.add(id(item))
            waiting.extend(_parts(item))


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, _CONTAINERS):
        return value
    return [getattr(value, name, None) for name in nested_fields(value)]


def nested_fields(value: object) -> Collection[str]:
    """The names of the template fields of an object in a field; none for other values and for tasks."""
    if isinstance(value, type | TaskNode | os.PathLike):
        return ()
    fields = getattr(value, "template_fields", ())
    return fields if isinstance(fields, list | tuple | set | frozenset) else ()

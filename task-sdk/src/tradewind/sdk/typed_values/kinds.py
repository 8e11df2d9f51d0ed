"""What a kind of typed value is: its word in JSON, and how it is written and read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

TYPE: Final = "__type__"
"""Key of a JSON object that says which kind of value the object stands for."""


class Unwritable(ValueError):
    """A value has no form in JSON; the message names its place and type."""


class Unreadable(ValueError):
    """JSON does not stand for a value that can be rebuilt here; the message says why."""


Write: TypeAlias = Callable[[Any, str], Any]
"""Writes a value that another one holds: the value, and its place in words."""

Read: TypeAlias = Callable[[Any], Any]
"""Reads JSON that stands within other JSON."""

FindClass: TypeAlias = Callable[[str], type]
"""The class of a name, if it may be used."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value that JSON does not have.

    Attributes:
        word: what `__type__` says.
        write: the other keys of the object, given the value, its place in words, and how to write what it holds.
        read: the value, given the object, how to read what it holds, and how to find a class.
    """

    word: str
    write: Callable[[Any, str, Write], Mapping[str, Any]]
    read: Callable[[Mapping[str, Any], Read, FindClass], Any]

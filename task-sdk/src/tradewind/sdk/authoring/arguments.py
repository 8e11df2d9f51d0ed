"""Checks of what an author writes: each returns the value in its one form or names the argument and what it takes."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from tradewind.sdk.authoring.unsupported import PRODUCT, REMOVED_ARGUMENTS
from tradewind.sdk.exceptions import DagAuthoringError, UnknownArgumentError

MAX_ID = 250
MAX_NAME = 100
MAX_RETRIES = 1000
MAX_TEXT = 5_000
MAX_DOCUMENTATION = 100_000

T = TypeVar("T")

_ID = re.compile(r"[A-Za-z0-9_.\-]+")


def identifier(name: str, value: object, *, longest: int = MAX_ID, owner: str = "") -> str:
    """A name of the contract: letters, digits, dashes, dots and underscores.

    Args:
        name: the argument, such as `task_id`.
        value: what was given.
        longest: characters that it may have.
        owner: whose argument it is, in words; nothing for an id, which speaks for itself.
    """
    of = f" of {owner}" if owner else ""
    if not isinstance(value, str):
        raise DagAuthoringError(f"{name}{of} must be a string, not {_type_name(value)}.")
    if not _ID.fullmatch(value):
        raise DagAuthoringError(
            f"{name}{of} {value!r} may hold only ASCII letters, digits, dashes, dots and underscores, and at least one."
        )
    if len(value) > longest:
        raise DagAuthoringError(f"{name}{of} {value!r} has {len(value)} characters; at most {longest} are allowed.")
    return str.__str__(value)  # a member of an enumeration of strings is a plain string from here on


def short_identifier(name: str, value: object, owner: str) -> str:
    """A name of the contract of at most 100 characters."""
    return identifier(name, value, longest=MAX_NAME, owner=owner)


def optional(check: Callable[[str, Any, str], T]) -> Callable[[str, Any, str], T | None]:
    """The same check, that lets None pass."""
    return lambda name, value, owner: None if value is None else check(name, value, owner)


def within(smallest: int, largest: int) -> Callable[[str, Any, str], int]:
    """A check for an integer within bounds."""
    return lambda name, value, owner: whole_number(name, value, owner, smallest=smallest, largest=largest)


def documentation(name: str, value: object, owner: str) -> str | None:
    """A long text."""
    return text(name, value, owner, longest=MAX_DOCUMENTATION)


def text(name: str, value: object, owner: str, *, longest: int = MAX_TEXT) -> str | None:
    """A text of bounded length; an empty one is none."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise DagAuthoringError(f"{name} of {owner} must be a string, not {_type_name(value)}.")
    if len(value) > longest:
        raise DagAuthoringError(f"{name} of {owner} has {len(value)} characters; at most {longest} are allowed.")
    return value


def whole_number(name: str, value: object, owner: str, *, smallest: int, largest: int) -> int:
    """An integer within bounds."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise DagAuthoringError(f"{name} of {owner} must be an integer, not {_type_name(value)}.")
    if not smallest <= value <= largest:
        raise DagAuthoringError(f"{name} of {owner} is {value}; it must be from {smallest} to {largest}.")
    return value


def duration(name: str, value: object, owner: str, *, above_zero: bool = False) -> dt.timedelta:
    """A time span, given as a timedelta or in seconds.

    Args:
        name: the argument.
        value: what was given.
        owner: whose argument it is.
        above_zero: whether zero is refused, too.
    """
    if isinstance(value, dt.timedelta):
        span = value
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        try:
            span = dt.timedelta(seconds=value)
        except OverflowError:
            raise DagAuthoringError(f"{name} of {owner} is too long: {value} seconds.") from None
    else:
        raise DagAuthoringError(f"{name} of {owner} must be a timedelta or a number of seconds, not {value!r}.")
    if span < dt.timedelta(0) or (above_zero and not span):
        raise DagAuthoringError(
            f"{name} of {owner} is {span}; it must be {'above' if above_zero else 'at least'} zero."
        )
    return span


def flag(name: str, value: object, owner: str) -> bool:
    """True or False, nothing that merely looks like it."""
    if not isinstance(value, bool):
        raise DagAuthoringError(f"{name} of {owner} must be True or False, not {value!r}.")
    return value


def optional_callable(name: str, value: Any, owner: str) -> Any:
    """A function or nothing."""
    if value is not None and not callable(value):
        raise DagAuthoringError(f"{name} of {owner} must be a function, not {value!r}.")
    return value


def one_of(name: str, value: object, owner: str, choices: Iterable[str]) -> str:
    """One word of a small vocabulary."""
    known = list(choices)
    if isinstance(value, str) and value in known:
        return str(value)
    raise DagAuthoringError(f"{name} of {owner} is {value!r}; it must be one of {', '.join(known)}.")


def tags(value: object, owner: str) -> set[str]:
    """Tags of a DAG."""
    if value is None:
        return set()
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise DagAuthoringError(f"tags of {owner} must be a list of strings, not {value!r}.")
    found = set()
    for tag in value:
        if not isinstance(tag, str) or not tag or len(tag) > MAX_NAME:
            raise DagAuthoringError(f"Tag {tag!r} of {owner} must be a string of 1 to {MAX_NAME} characters.")
        found.add(tag)
    return found


def grants(name: str, value: object, owner: str) -> tuple[str, ...]:
    """Names of connections, variables or DAGs that the code needs: exact ones, or a prefix and one asterisk.

    Sorted, each once.
    """
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise DagAuthoringError(f"{name} of {owner} must be a list of names, not {value!r}.")
    found = set()
    for pattern in value:
        if not isinstance(pattern, str) or not 1 <= len(pattern) <= MAX_ID or "*" in pattern[:-1]:
            raise DagAuthoringError(
                f"{pattern!r} in {name} of {owner} must be a name of 1 to {MAX_ID} characters, "
                f"or a prefix with one asterisk at its end."
            )
        found.add(pattern)
    return tuple(sorted(found))


def refuse_unknown(arguments: Iterable[str], known: Iterable[str], owner: str) -> None:
    """Refuse the first argument there is, with the known one that comes closest.

    Raises:
        UnknownArgumentError: names the argument and its DAG or task.
    """
    import difflib

    for name in arguments:
        if instead := REMOVED_ARGUMENTS.get(name):
            raise UnknownArgumentError(f"{owner} has the argument {name!r}, which Airflow 3 removed; see {instead!r}.")
        close = difflib.get_close_matches(name, list(known), n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Neither Airflow nor {PRODUCT} knows it."
        raise UnknownArgumentError(f"{owner} has the unknown argument {name!r}. {hint}")


def _type_name(value: Any) -> str:
    return type(value).__name__

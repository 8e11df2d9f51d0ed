"""Values from JSON."""

from __future__ import annotations

from typing import Any

from tradewind.sdk.typed_values.class_names import ClassPatterns
from tradewind.sdk.typed_values.kinds import TYPE, Unreadable
from tradewind.sdk.typed_values.registry import KINDS


def read_value(plain: Any, classes: ClassPatterns) -> Any:
    """The value that JSON stands for.

    Args:
        plain: what `write_value` made.
        classes: the classes that may be used, beside the kinds that are built in.

    Raises:
        Unreadable: it cannot or may not be rebuilt here.
    """
    if isinstance(plain, list):
        return [read_value(item, classes) for item in plain]
    if not isinstance(plain, dict):
        return plain
    word = plain.get(TYPE)
    if not isinstance(word, str):
        return {key: read_value(item, classes) for key, item in plain.items()}
    kind = KINDS.get(word)
    if kind is None:
        raise Unreadable(f"it is of the kind {word!r}, which this version of the SDK does not know")
    try:
        return kind.read(plain, lambda item: read_value(item, classes), classes.find)
    except Unreadable:
        raise
    except Exception as error:  # whatever a class does with what it is given
        raise Unreadable(f"it is no {word}: {type(error).__name__}: {error}") from error

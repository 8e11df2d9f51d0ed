"""All kinds of typed values, by their words and by the classes that they are of.

Classes are known by name, so that looking for the kind of a value imports nothing: a value of a class implies that
its module is there.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from tradewind.sdk.typed_values import class_kinds, standard_kinds, table_kinds
from tradewind.sdk.typed_values.kinds import Kind

MAPPING: Final = standard_kinds.DICT

_BY_CLASS: Final[dict[str, Kind]] = {
    **standard_kinds.BY_CLASS,
    **table_kinds.BY_CLASS,
    **class_kinds.BY_CLASS,
}
KINDS: Final[dict[str, Kind]] = {
    kind.word: kind for kind in (MAPPING, *_BY_CLASS.values(), *(kind for _, kind in class_kinds.BY_MARK))
}
"""Word to kind."""


@cache
def find_kind(of: type) -> Kind | None:
    """The kind of the values of a class, None when they have none."""
    for base in of.__mro__:
        kind = _BY_CLASS.get(f"{base.__module__}.{base.__qualname__}")
        if kind is not None:
            return kind
    return next((kind for is_one, kind in class_kinds.BY_MARK if is_one(of)), None)

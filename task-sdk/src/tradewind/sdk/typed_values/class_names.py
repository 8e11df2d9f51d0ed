"""Names of classes in typed values, and which of them may be used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from fnmatch import fnmatchcase

from tradewind.sdk.typed_values.kinds import Unreadable, Unwritable


def name_of(kind: type, place: str) -> str:
    """The name that a class is found by again, as `module:Class`.

    Raises:
        Unwritable: it was made inside a function.
    """
    if "<locals>" in kind.__qualname__:
        raise Unwritable(
            f"{place} is of type {kind.__module__}.{kind.__qualname__}, a class inside a function, which no other "
            "process finds"
        )
    return f"{kind.__module__}:{kind.__qualname__}"


class ClassPatterns:
    """The classes that typed values may be turned into: everything else that a value names is refused.

    Args:
        patterns: names of classes with their modules, such as `acme.models.Order`; `*` stands for anything.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self.patterns = tuple(patterns)

    def find(self, name: str) -> type:
        """The class of a name.

        Raises:
            Unreadable: it may not be used, or there is none.
        """
        module, _, path = name.partition(":")
        dotted = f"{module}.{path}"
        if not any(fnmatchcase(dotted, pattern) for pattern in self.patterns):
            raise Unreadable(
                f"it is a {dotted}, and this class is not among those that XComs may be turned into: add it to "
                "TRADEWIND_WORKER_XCOM_CLASSES of the worker"
            )
        try:
            found: object = sys.modules.get(module) or importlib.import_module(module)
            for part in path.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError, ValueError) as error:
            raise Unreadable(f"its class {dotted} cannot be imported here: {error}") from error
        if not isinstance(found, type):
            raise Unreadable(f"{dotted} is no class")
        return found

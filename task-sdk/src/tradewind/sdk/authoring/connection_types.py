"""Which hook is for which type of connection.

A distribution registers a type with an entry point of the group `tradewind.connection_types`, whose name is the type
and whose value is the hook's class: `acme_db = "acme.hooks:AcmeDbHook"`.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any, Final, Protocol, cast

from tradewind.sdk.exceptions import TradewindException

ENTRY_POINTS: Final = "tradewind.connection_types"
"""Group of entry points that say which hook is for which type of connection."""

_OWN_TYPES: Final = {
    "fs": "tradewind.sdk.standard.hooks.filesystem:FSHook",
    "package_index": "tradewind.sdk.standard.hooks.package_index:PackageIndexHook",
}


class HookClass(Protocol):
    """A subclass of `BaseHook`."""

    def for_connection(self, conn_id: str, **arguments: Any) -> Any:
        """This hook for a connection."""
        ...


@cache
def hook_class(conn_type: str) -> HookClass:
    """The hook for a type of connection.

    Raises:
        TradewindException: nothing that is installed knows the type, or what it names cannot be imported.
    """
    named = _OWN_TYPES.get(conn_type) or _installed_types().get(conn_type)
    if named is None:
        known = ", ".join(sorted({**_OWN_TYPES, **_installed_types()}))
        raise TradewindException(
            f"No hook is known for connections of type {conn_type!r}; there is one for {known}. Install a distribution "
            f"with an entry point of this name in the group {ENTRY_POINTS}."
        )
    module, _, name = named.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise TradewindException(
            f"The hook {named} for connections of type {conn_type!r} cannot be imported: {error}."
        ) from error
    if not (isinstance(found, type) and callable(getattr(found, "for_connection", None))):
        raise TradewindException(f"The hook {named} for connections of type {conn_type!r} is no subclass of BaseHook.")
    return cast("HookClass", found)


def _installed_types() -> dict[str, str]:
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}

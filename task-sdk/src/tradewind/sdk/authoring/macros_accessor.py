"""`macros` of the task context: the functions of `tradewind.sdk.macros`, imported when one of them is used."""

from __future__ import annotations

from typing import Any


class MacrosAccessor:
    """Gives the functions of `tradewind.sdk.macros` by attribute."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"macros has no {name!r}.")
        from tradewind.sdk import macros

        return getattr(macros, name)

"""A cache with a budget on the size of what it holds, not on the number of entries."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sized
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Sized)


class SizedCache(Generic[K, V]):
    """Drops what was used least recently once the lengths of all values exceed the budget; the newest always stays.

    Args:
        budget: sum of `len(value)` that is kept.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._size = 0
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """Sum of the lengths of all values."""
        return self._size

    def get(self, key: K) -> V | None:
        """Look up a value and count it as used."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def take(self, key: K) -> V | None:
        """Remove a value and return it."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return None
        self._size -= entry[1]
        return entry[0]

    def put(self, key: K, value: V) -> None:
        """Add or replace a value, and drop others where it does not fit."""
        self.take(key)
        # An empty value costs something, too.
        size = max(1, len(value))
        self._entries[key] = (value, size)
        self._size += size
        while self._size > self._budget and len(self._entries) > 1:
            _, (_, dropped) = self._entries.popitem(last=False)
            self._size -= dropped

    def clear(self) -> None:
        """Drop everything."""
        self._entries.clear()
        self._size = 0

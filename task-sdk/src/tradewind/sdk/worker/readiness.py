"""Descriptors of tries that may be read: one epoll watches them all, and the event loop watches that one.

The loop's own readers make a handle, a key and several look-ups for each descriptor, of which a short try has four.
"""

from __future__ import annotations

import asyncio
import select
import weakref
from collections.abc import Callable

_EVENTS_AT_ONCE = 64


class Readiness:
    """Calls back while descriptors have something to read, or have ended.

    Args:
        loop: in which it calls back.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._epoll = select.epoll()
        self._acts: dict[int, Callable[[], object]] = {}
        loop.add_reader(self._epoll.fileno(), self._call_back)

    def watch(self, descriptor: int, act: Callable[[], object]) -> None:
        """Call back again and again, until `leave`, while the descriptor can be read.

        Raises:
            OSError: it is not open, is watched already, or is no pipe or socket.
        """
        self._epoll.register(descriptor, select.EPOLLIN)
        self._acts[descriptor] = act

    def leave(self, descriptor: int) -> None:
        """Call back no more, not even for what was noticed already; to be called before the descriptor is closed."""
        if self._acts.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def _call_back(self) -> None:
        acts = self._acts
        for descriptor, _events in self._epoll.poll(0, _EVENTS_AT_ONCE):
            # One of those before may have left it.
            if (act := acts.get(descriptor)) is not None:
                act()


_OF_LOOPS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Readiness] = weakref.WeakKeyDictionary()


def readiness(loop: asyncio.AbstractEventLoop) -> Readiness:
    """The one of this event loop; it lives as long as the loop."""
    found = _OF_LOOPS.get(loop)
    if found is None:
        found = _OF_LOOPS[loop] = Readiness(loop)
    return found

"""Timers of tries, nearly all of which are dropped before they go off: cheap to set and to drop."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable

GRAIN_SECONDS = 0.005
"""How late an alarm may be."""


class Alarm:
    """One of the timers of an `Alarms`."""

    __slots__ = ("_act", "_alarms", "_slot")

    def __init__(self, alarms: Alarms, slot: int, act: Callable[[], object]) -> None:
        self._alarms = alarms
        self._slot = slot
        self._act: Callable[[], object] | None = act

    def cancel(self) -> None:
        """Drop it; nothing when it has gone off."""
        self._act = None
        self._alarms.drop(self, self._slot)

    def go_off(self) -> None:
        """Call back, unless it was dropped meanwhile."""
        act, self._act = self._act, None
        if act is not None:
            act()


class Alarms:
    """Timers of one event loop. Those that are due within the same `GRAIN_SECONDS` share one of the loop's."""

    def __init__(self) -> None:
        self._slots: dict[int, dict[Alarm, None]] = {}
        self._awaited: int | None = None

    def after(self, seconds: float, act: Callable[[], object]) -> Alarm:
        """Call back in so many seconds, or up to `GRAIN_SECONDS` later."""
        loop = asyncio.get_running_loop()
        slot = int((loop.time() + seconds) / GRAIN_SECONDS) + 1
        alarm = Alarm(self, slot, act)
        due = self._slots.get(slot)
        if due is None:
            self._slots[slot] = {alarm: None}
            if self._awaited is None or slot < self._awaited:
                self._await(loop, slot)
        else:
            due[alarm] = None
        return alarm

    def drop(self, alarm: Alarm, slot: int) -> None:
        """See `Alarm.cancel`."""
        due = self._slots.get(slot)
        if due is not None and due.pop(alarm, due) is None and not due:
            del self._slots[slot]

    def _await(self, loop: asyncio.AbstractEventLoop, slot: int) -> None:
        self._awaited = slot
        loop.call_at(slot * GRAIN_SECONDS, self._ring, slot)

    def _ring(self, slot: int) -> None:
        if slot != self._awaited:  # an earlier one was set later on, and looks after this one
            return
        loop = asyncio.get_running_loop()
        for alarm in self._slots.pop(slot, ()):
            loop.call_soon(alarm.go_off)
        self._awaited = None
        if self._slots:
            self._await(loop, min(self._slots))


_OF_LOOPS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Alarms] = weakref.WeakKeyDictionary()


def alarms() -> Alarms:
    """Those of the running event loop; they live as long as it."""
    loop = asyncio.get_running_loop()
    found = _OF_LOOPS.get(loop)
    if found is None:
        found = _OF_LOOPS[loop] = Alarms()
    return found

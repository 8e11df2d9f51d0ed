"""Wake-ups between the parts of the control plane. A hint may be lost or doubled: it only saves waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable

Wake = Callable[[], None]


class Subscription:
    """One listener's view of some topics, bound to the event loop that it was made in.

    Hints that arrive while nobody waits become one.
    """

    def __init__(self, hints: Hints, topics: tuple[str, ...]) -> None:
        self._hints = hints
        self._event = asyncio.Event()
        self.topics = topics
        self.loop = asyncio.get_running_loop()

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait for a hint, at once when one came since the last wait.

        Args:
            timeout: longest wait in seconds; None waits for ever.

        Returns:
            Whether a hint came.
        """
        if not self._event.is_set():
            try:
                async with asyncio.timeout(timeout):
                    await self._event.wait()
            except TimeoutError:
                return False
        self._event.clear()
        return True

    def wake(self) -> None:
        """Hint; to be called in the subscription's own loop."""
        self._event.set()

    def close(self) -> None:
        """Hear no more."""
        self._hints.remove(self)


class Hints:
    """Topics and who listens to them, across threads and event loops."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: dict[str, list[Subscription]] = {}

    def subscribe(self, *topics: str) -> Subscription:
        """Listen to topics from the running event loop."""
        subscription = Subscription(self, topics)
        with self._lock:
            for topic in topics:
                self._subscriptions.setdefault(topic, []).append(subscription)
        return subscription

    def remove(self, subscription: Subscription) -> None:
        """Drop a subscription; one that is gone already is no error."""
        with self._lock:
            for topic in subscription.topics:
                listeners = self._subscriptions.get(topic, [])
                if subscription in listeners:
                    listeners.remove(subscription)
                    if not listeners:
                        del self._subscriptions[topic]

    def wakes(self, topics: Iterable[str]) -> list[tuple[asyncio.AbstractEventLoop, Wake]]:
        """What is to be called, and in which loop, to hint at these topics."""
        with self._lock:
            return [
                (subscription.loop, subscription.wake)
                for topic in topics
                for subscription in self._subscriptions.get(topic, ())
            ]

    def deliver(self, topics: Iterable[str] | None = None) -> None:
        """Hint at these topics, or at all of them, from any thread."""
        if topics is None:
            with self._lock:
                topics = list(self._subscriptions)
        call_in_loops(self.wakes(topics))


def call_in_loops(calls: Iterable[tuple[asyncio.AbstractEventLoop, Wake]]) -> None:
    """Call functions in the loops they belong to, waking each loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Wake]] = {}
    for loop, call in calls:
        by_loop.setdefault(loop, []).append(call)
    for loop, bundled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_call_all, bundled)
        except RuntimeError:  # the loop is closed: nobody waits there any more
            continue


def _call_all(calls: list[Wake]) -> None:
    for call in calls:
        call()

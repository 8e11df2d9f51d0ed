"""How a supervising process begins and ends, whether it is a worker or runs one activity only."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tradewind.sdk.worker.process_tree import kill_leftovers
from tradewind.sdk.worker.state_directory import StateDirectory

logger = logging.getLogger("tradewind.worker")

RUNNER = "tradewind.sdk.worker.activity_runner"
"""Module that the processes of activities run."""


def end_former_life(state: StateDirectory) -> None:
    """Kill what the former life of the worker left running, so that it can be declared ended."""
    for pid in kill_leftovers(state.leftovers):
        logger.warning("process of a former life killed pid=%d", pid)
    state.begin()


@dataclass(frozen=True)
class Ends:
    """How a worker is told to end.

    Attributes:
        drain: take no more work, and end when what runs has ended.
        timed: running work gets only the time that the settings give it; set with `drain` by a signal.
        stop: interrupt what runs, and end.
    """

    drain: asyncio.Event = field(default_factory=asyncio.Event)
    timed: asyncio.Event = field(default_factory=asyncio.Event)
    stop: asyncio.Event = field(default_factory=asyncio.Event)


@contextmanager
def end_on_signals() -> Iterator[Ends]:
    """What signals set: the first SIGTERM drains, SIGINT or a second one stops, one more ends the process at once."""
    ends = Ends()

    def on_signal(number: int) -> None:
        if ends.stop.is_set():
            logger.warning("signal while the worker stops: it ends at once")
            os._exit(128 + number)
        if number == signal.SIGINT or ends.timed.is_set():
            ends.stop.set()
        else:
            ends.drain.set()
            ends.timed.set()

    with _handled(on_signal):
        yield ends


@contextmanager
def stop_on_signals() -> Iterator[asyncio.Event]:
    """An event that the first SIGTERM or SIGINT sets; the second one ends the process at once."""
    stop = asyncio.Event()

    def on_signal(number: int) -> None:
        if stop.is_set():
            logger.warning("second signal: worker ends at once")
            os._exit(128 + number)
        stop.set()

    with _handled(on_signal):
        yield stop


@contextmanager
def _handled(act: Callable[[int], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, act, number)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)

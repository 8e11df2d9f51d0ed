"""How a supervising process begins and ends, whether it is a worker or runs one activity only."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def stop_on_signals() -> Iterator[asyncio.Event]:
    """An event that the first SIGTERM or SIGINT sets; the second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_set():
            logger.warning("second signal: worker ends at once")
            os._exit(128 + number)
        stop.set()

    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield stop
    finally:
        for number in signals:
            loop.remove_signal_handler(number)

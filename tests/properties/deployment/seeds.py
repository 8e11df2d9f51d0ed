"""Plays one seed from its first step to the end of all its runs."""

from __future__ import annotations

import asyncio
import logging

from tests.properties.deployment.databases import Bench
from tests.properties.deployment.ending import bring_to_an_end, check_ends
from tests.properties.deployment.machine import Machine
from tests.properties.deployment.watch import Watch

SHORTEST, LONGEST = 30, 90
SECONDS = 60.0
QUIET = 3
"""Of so many seeds one has people who only trigger, pause and resize: its runs are held to the reference."""

FIXED: tuple[int, ...] = ()
"""Seeds that failed once: each is played for ever after, beside the new ones."""


def play(bench: Bench, seed: int) -> Machine:
    """Play a seed.

    Raises:
        AssertionError: something is not as it must be; its notes tell the steps until then.
    """
    heard = _Heard()
    loggers = [logging.getLogger(f"tradewind.server.{name}") for name in ("scheduler", "dispatcher")]
    for logger in loggers:
        logger.addHandler(heard)
    try:
        machine = asyncio.run(_play(bench, seed))
    finally:
        for logger in loggers:
            logger.removeHandler(heard)
    assert not heard.errors, f"seed {seed}: {heard.errors}"
    return machine


class _Heard(logging.Handler):
    """Hears of errors that loops log and survive: nothing here may cause one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.errors.append(f"{record.getMessage()}: {record.exc_info and record.exc_info[1]!r}")


async def _play(bench: Bench, seed: int) -> Machine:
    async with asyncio.timeout(SECONDS):
        machine = await Machine.start(bench, seed)
        if seed % QUIET == 0:
            machine.changes = 0
        watch = Watch(machine)
        try:
            for _ in range(machine.random.randint(SHORTEST, LONGEST)):
                await machine.step()
                await watch.look()
            await bring_to_an_end(machine, watch)
            await watch.look_back()
            await check_ends(machine)
        except BaseException as error:
            error.add_note(f"seed {seed} on {bench.dialect}:\n" + "\n".join(machine.trace))
            raise
        return machine

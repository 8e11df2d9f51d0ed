"""Deletes logs of runs and parses that are not in the database any more, from this process's log store."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from tradewind.server.api.logs import PARSES, name_of
from tradewind.server.domain.refusals import Refused
from tradewind.server.settings import Settings
from tradewind.server.store import Store, Transaction, retention

log = logging.getLogger(__name__)

QUIET_SECONDS: Final = 3600.0
"""Nothing was written to a log for so long before it is deleted."""

FIRST_SWEEP_SECONDS: Final = 300.0
SWEEP_EVERY_SECONDS: Final = 3600.0
_FOLDERS_AT_ONCE: Final = 200
_REMOVED: Final = "%removed"

Known = Callable[[Transaction, Collection[str]], set[str]]


@contextlib.asynccontextmanager
async def log_retention(
    store: Store, settings: Settings, *, first: float = FIRST_SWEEP_SECONDS, every: float = SWEEP_EVERY_SECONDS
) -> AsyncIterator[asyncio.Event]:
    """Sweep the log store now and then until the block ends.

    Args:
        store: the metadata database.
        settings: sections `retention` and `logs`; what is kept for ever in the database keeps its logs.
        first: seconds until the first sweep.
        every: seconds between two.

    Yields:
        Set whenever a sweep has ended that deleted something.
    """
    kept = settings.retention
    sweep = LogSweep(store, settings.logs_directory, runs=kept.runs_days > 0, parses=kept.parses_days > 0)
    swept = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        sweeps = group.create_task(_keep_sweeping(sweep, first, every, swept), name="log retention")
        try:
            yield swept
        finally:
            sweeps.cancel()


async def _keep_sweeping(sweep: LogSweep, first: float, every: float, swept: asyncio.Event) -> None:
    pause = first
    while True:
        await asyncio.sleep(pause)
        pause = every
        try:
            removed = await sweep.run()
        except (OSError, Refused) as error:
            log.warning("logs are not swept until the next time", extra={"why": str(error)})
            continue
        if removed:
            log.info("logs deleted", extra={"logs": removed})
            swept.set()


class LogSweep:
    """One pass over the log store.

    Args:
        store: the metadata database.
        directory: root of the log store; need not exist.
        runs: whether to look at logs of runs.
        parses: whether to look at logs of parses.
        dag_ids: logs of these DAGs alone; of all when empty.
        quiet_seconds: time since the last change of a log that is deleted.
    """

    def __init__(
        self,
        store: Store,
        directory: Path,
        *,
        runs: bool = True,
        parses: bool = True,
        dag_ids: Collection[str] = (),
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        self._store = store
        self._directory = directory
        self._runs = runs
        self._parses = parses
        self._dag_ids = frozenset(dag_ids)
        self._quiet = quiet_seconds

    async def run(self) -> int:
        """Delete what nobody can ask for any more.

        Returns:
            Number of runs and parses whose logs were deleted.

        Raises:
            OSError: the directory cannot be read or changed.
            Refused: by the store.
        """
        removed = 0
        await asyncio.to_thread(shutil.rmtree, self._directory / _REMOVED, ignore_errors=True)
        for folder in await asyncio.to_thread(lambda: list(_folders(self._directory))):
            if folder.name == PARSES:
                if self._parses and not self._dag_ids:
                    removed += await self._sweep(folder, retention.known_parses)
            elif not folder.name.startswith("%") or folder.name.startswith("%2E"):
                dag_id = name_of(folder.name)
                if self._runs and (not self._dag_ids or dag_id in self._dag_ids):
                    removed += await self._sweep(folder, partial(_known_runs, dag_id))
        return removed

    async def _sweep(self, parent: Path, known: Known) -> int:
        """Delete the folders in one whose names are not known."""
        folders = await asyncio.to_thread(lambda: list(_folders(parent)))
        removed = 0
        for start in range(0, len(folders), _FOLDERS_AT_ONCE):
            part = {name_of(folder.name): folder for folder in folders[start : start + _FOLDERS_AT_ONCE]}
            there = await self._store.read(lambda tx, names=list(part): known(tx, names))  # type: ignore[misc]  # bound
            for name in part.keys() - there:
                removed += await self._remove(name, part[name], known)
        return removed

    async def _remove(self, name: str, folder: Path, known: Known) -> bool:
        """Delete one folder, unless somebody has begun to use its name again."""
        if not await asyncio.to_thread(_is_quiet, folder, self._quiet):
            return False
        aside = self._directory / _REMOVED / uuid.uuid4().hex
        await asyncio.to_thread(_move, folder, aside)
        if await self._store.read(lambda tx: known(tx, [name])):
            await asyncio.to_thread(_move_back, aside, folder)
            return False
        await asyncio.to_thread(shutil.rmtree, aside)
        return True


def _known_runs(dag_id: str, tx: Transaction, run_ids: Collection[str]) -> set[str]:
    return retention.known_runs(tx, dag_id, run_ids)


def _folders(parent: Path) -> Iterator[Path]:
    try:
        with os.scandir(parent) as entries:
            yield from (Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return


def _is_quiet(folder: Path, seconds: float) -> bool:
    """Whether nothing in a folder was written lately."""
    limit = time.time() - seconds
    for place, _, files in os.walk(folder):
        for name in (".", *files):
            with contextlib.suppress(FileNotFoundError):
                if (Path(place) / name).stat().st_mtime > limit:
                    return False
    return True


def _move(folder: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(to)


def _move_back(aside: Path, folder: Path) -> None:
    """Put a folder back, unless there is a newer one by now."""
    if not folder.exists():
        aside.rename(folder)

"""Log segments that a former life of the worker could not deliver."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from pathlib import Path

from tradewind.sdk.worker.activity_calls import ActivityCalls
from tradewind.sdk.worker.line import problem_of

logger = logging.getLogger("tradewind.worker")

KEEP_SECONDS = 7 * 86_400.0
"""How long segments stay on this host that the server does not want, for people to read."""


async def deliver_leftover_logs(directory: Path, calls: ActivityCalls) -> None:
    """Send the segments of one dispatch before its outcome; what is refused stays where it is."""
    for path in await asyncio.to_thread(lambda: sorted(directory.glob("*.jsonl"))):
        text = await asyncio.to_thread(path.read_text, "utf-8")
        parameters = {"dispatch_id": calls.dispatch_id, "sequence": str(int(path.stem))}
        problem = problem_of("put_log_segment", await calls.call("put_log_segment", parameters, text=text))
        if problem is not None:
            logger.warning("log segments were not delivered kept_in=%s reason=%s", directory, problem.reason)
            return
        path.unlink()
    if directory.exists():
        directory.rmdir()


def prune_logs(log_directory: Path) -> None:
    """Remove segments of long ago."""
    if not log_directory.exists():
        return
    for directory in log_directory.iterdir():
        if time.time() - directory.stat().st_mtime > KEEP_SECONDS:
            shutil.rmtree(directory, ignore_errors=True)
            logger.info("old log segments removed directory=%s", directory)

"""A supervisor as a program: starts processes, says which ones on its standard output, and stays.

`python supervise.py FOLDER FRESH WARM [USER]`: numbers of processes to start, and the user to become before that.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from tradewind.sdk.worker.launcher import LaunchedProcess, Launcher, LaunchRequest


async def start(launcher: Launcher, folder: Path, do: str, file: str | None) -> tuple[LaunchedProcess, Any]:
    assignment = json.dumps({"do": do, "with": {}}).encode()
    process = await launcher.launch(LaunchRequest("dispatch", file, folder, file or "none.py", assignment))
    return process, json.loads(await anext(aiter(process.channel)))


async def main(folder: Path, fresh: int, warm: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    async with Launcher(environment=environment, runner="instructed") as launcher:
        files = [None] * fresh + ["dag.py"] * warm
        started = await asyncio.gather(*(start(launcher, folder, "fork_and_stay", file) for file in files))
        own, _ = await start(launcher, folder, "open_own", None)
        above, memory = await start(launcher, folder, "open_zygote", "dag.py")
        codes = [(await process.wait()).code for process in (own, above)]
        answer = {
            "live": list(launcher._live),
            "children": [process.pid for process, _ in started],
            "forked": [pid for _, told in started for pid in told["pids"]],
            "warm": [process.warm for process, _ in started],
            "fresh_reasons": [process.fresh_reason for process, _ in started],
            "own_is_open": codes == [0, 0],
            "above": memory["result"],
            "user": os.getuid(),
        }
        print(json.dumps(answer), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[4:]:
        os.setgroups([])
        os.setgid(int(sys.argv[4]))
        os.setuid(int(sys.argv[4]))
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))

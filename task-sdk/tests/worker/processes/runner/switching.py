"""A supervisor as a program that starts processes as another user and says what they found: `switching.py FOLDER USER`.

The folder is the state directory; it is opened for others as a worker does it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from tradewind.sdk.contract import Isolation
from tradewind.sdk.worker import run_as
from tradewind.sdk.worker.control import RunAs
from tradewind.sdk.worker.launcher import Launcher, LaunchRequest

FILE = "import os\nUSER = os.getuid()\nVALUE = PID = 0"


async def found_by(launcher: Launcher, user: RunAs, code: Path, isolation: Isolation, *, warm: bool) -> Any:
    assignment = json.dumps({"do": "look_at_user", "with": {}}).encode()
    request = LaunchRequest(
        "dispatch", "dag.py:user" if warm else None, code, "dag.py", assignment, isolation, ("key",), user
    )
    process = await launcher.launch(request)
    frames = [json.loads(frame) async for frame in process.channel]
    status = await process.wait()
    os.set_blocking(process.stdout_fd, True)
    printed = os.read(process.stdout_fd, 1000).decode()
    errors = os.read(process.stderr_fd, 10000).decode() if status.code else ""
    return {**(frames[-1]["result"] if frames else {}), "status": status, "printed": printed, "errors": errors}


async def main(folder: Path, name: str) -> None:
    code = folder / "code" / "snapshot"
    code.mkdir(parents=True)
    (code / "dag.py").write_text(FILE)
    folder.chmod(0o700)
    (folder / "code").chmod(0o700)
    answer: dict[str, Any] = {}
    try:
        run_as.resolve(name, {name}, code)
    except run_as.RunAsRefused as refusal:
        answer["closed"] = str(refusal)
    run_as.open_to_others(folder)
    user = run_as.resolve(name, {name}, code)
    assert user
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    async with Launcher(environment=environment, runner="instructed") as launcher:
        for kind, isolation, warm in (
            ("fresh", Isolation.FORK, False),
            ("warm", Isolation.FORK, True),
            ("spawn", Isolation.SPAWN, True),
            ("reuse", Isolation.REUSE, True),
            ("reused", Isolation.REUSE, True),
        ):
            answer[kind] = await found_by(launcher, user, code, isolation, warm=warm)
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))

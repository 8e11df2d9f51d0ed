"""Acknowledged means committed: what was answered survives the death of the process."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from tradewind.server.store.tables import variable

from .world import OpenStore, World

WRITE_FOR_EVER = """
import asyncio, itertools, sys
from pathlib import Path
from tradewind.server.contract import Variable
from tradewind.server.secrets.cipher import Cipher
from tradewind.server.store import Store, secrets

async def main(store):
    for number in itertools.count():
        await store.write(lambda tx: secrets.put_variable(tx, Variable(key=f"{number:06}", value="v")))
        print(f"{number:06}", flush=True)

asyncio.run(main(Store.open(sys.argv[1], cipher=Cipher.open(Path(sys.argv[2])))))
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_was_acknowledged_is_there_after_a_kill(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, open_store: OpenStore
) -> None:
    url = request.getfixturevalue("sqlite_url" if kind == "sqlite" else "postgres_url")
    arguments = [sys.executable, "-c", WRITE_FOR_EVER, url, str(tmp_path / "key")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline().strip() for _ in range(100)]
        process.kill()
        acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]
    world = World(open_store(url))
    found = {row.key for row in world.read(lambda tx: tx.rows(select(variable.c.key)))}
    world.close()
    assert set(acknowledged) <= found
    assert len(found) - len(acknowledged) <= 1

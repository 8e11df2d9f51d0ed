"""What user code of the tests writes down of itself, in a journal outside of the product.

Each run has a file of JSON lines, each try begins and ends with a line, and a lock that only the kernel can take from a
process tells whether user code of the same task instance is still there somewhere.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from tradewind.sdk import get_current_context


class Witness:
    """Writes down what one try does; see `witnessed`."""

    def __init__(self, folder: Path) -> None:
        instance = get_current_context()["ti"]
        self.instance = instance
        names = {name: getattr(instance, name) for name in ("dag_id", "run_id", "task_id", "map_index", "try_number")}
        self._who = {"try_id": instance.try_id, "pid": os.getpid()}
        self._names = names
        run = folder / f"{instance.dag_id}.{instance.run_id}"
        self._journal = os.open(f"{run}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        place = f"{run}.{instance.task_id}.{instance.map_index}.lock"
        self._lock = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def begin(self) -> None:
        """Say that user code begins, and whom it meets."""
        self._write("begin", wall=time.time(), **self._names)
        try:
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._write("met", other=os.pread(self._lock, 100, 0).decode().strip())
        else:
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, self.instance.try_id.encode(), 0)

    def push(self, key: str, value: object) -> None:
        """Leave an XCom, and write down that the server has said that it has it."""
        self.instance.xcom_push(key, value)
        self._write("acknowledged", key=key, value=value)

    def end(self, ending: str) -> None:
        """Say that user code has come to its end."""
        self._write("end", ending=ending)
        os.close(self._lock)
        os.close(self._journal)

    def _write(self, event: str, **more: object) -> None:
        line = {"event": event, "monotonic": time.monotonic(), **self._who, **more}
        os.write(self._journal, json.dumps(line).encode() + b"\n")


@contextlib.contextmanager
def witnessed() -> Iterator[Witness]:
    """Write down that the try of this process runs while the block does, and how that ends."""
    witness = Witness(Path(os.environ["WITNESS_FOLDER"]))
    witness.begin()
    try:
        yield witness
    except BaseException as error:
        witness.end(type(error).__name__)
        raise
    witness.end("returned")

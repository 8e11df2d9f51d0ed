"""A disk that a test can fill and free again, apart from the one that everything else is on."""

import contextlib
import resource
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

BALLAST = "ballast"
_NO_ROOM = 0


@dataclass(frozen=True)
class Disk:
    """A folder with little room in it.

    Attributes:
        path: the folder.
        mounted: whether it is a file system of its own. Where nobody may mount one, the processes that are named may
            write to no file at all instead, which is harder on them.
    """

    path: Path
    mounted: bool

    def fill(self, *pids: int) -> None:
        """Leave no room at all; for these processes, where the folder is no disk of its own."""
        if self.mounted:
            with (self.path / BALLAST).open("ab", buffering=0) as file, contextlib.suppress(OSError):
                for size in (1 << 20, 1 << 12, 1):
                    with contextlib.suppress(OSError):
                        while True:
                            file.write(bytes(size))
        else:
            self._limit(pids, _NO_ROOM)

    def free(self, *pids: int) -> None:
        """Give all the room back."""
        if self.mounted:
            (self.path / BALLAST).unlink()
        else:
            self._limit(pids, resource.RLIM_INFINITY)

    def _limit(self, pids: tuple[int, ...], size: int) -> None:
        for pid in pids:
            psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextlib.contextmanager
def small_disk(path: Path, megabytes: int = 16) -> Iterator[Disk]:
    """Mount a small file system in memory at a folder, where that is allowed."""
    path.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path)]
    mounted = mount is not None and subprocess.run(command, check=False, capture_output=True).returncode == 0
    try:
        yield Disk(path, mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(path)], check=True)

"""What user code can see of the processes above it, and that nothing of a worker needs root."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from .harness import await_end, open_processes
from .test_lifeline import command, supervisor

NOBODY = 65534


def hidden_folders() -> list[Path]:
    """Folders on the way to the interpreter and the code that an ordinary user cannot enter."""
    needed = {Path(sys.base_prefix), Path(sys.prefix), Path(__file__), *(Path(entry) for entry in sys.path if entry)}
    folders = {parent for path in needed for parent in path.resolve().parents}
    return sorted(folder for folder in folders if not folder.stat().st_mode & stat.S_IXOTH)


def in_opened_view(program: list[str], folder: Path) -> list[str]:
    """The command that runs a program with hidden folders opened in a view of its own, made in a folder."""
    hidden = hidden_folders()
    if not hidden:
        return program
    if not shutil.which("unshare") or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip(f"an ordinary user cannot enter {hidden[0]}, and this one may not change its view of the files")
    steps = ["set -e"]
    for number, closed in enumerate(hidden):
        # A copy of the folder's entries in a folder that everybody may enter, in its place.
        copy = folder / str(number)
        copy.mkdir(parents=True)
        for entry in closed.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                (copy / entry.name).mkdir()
                steps.append(f"mount --rbind '{entry}' '{copy / entry.name}'")
        steps.append(f"mount --rbind '{copy}' '{closed}'")
    return ["unshare", "-m", "sh", "-c", "; ".join([*steps, 'exec "$@"']), "sh", *program]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_can_run_a_worker_and_look_into_its_tasks_but_not_above(tmp_path: Path) -> None:
    program = command(tmp_path, 34, 2)
    # pytest's own folders are its user's alone.
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(0o711)
    tmp_path.chmod(0o755)
    with supervisor(in_opened_view([*program, str(NOBODY)], tmp_path / "opened")) as (supervising, started):
        assert started["user"] == NOBODY
        assert started["warm"] == [False] * 34 + [True] * 2, started["fresh_reasons"]
        assert started["own_is_open"]
        assert started["above"] == ["closed"] * 3  # warm parent, zygote, supervisor
        ends = open_processes({*started["live"], *started["forked"]})
        supervising.kill()
        assert await_end(ends)

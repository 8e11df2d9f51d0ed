"""Tries that run as another user: what they become, what they can reach, and who is refused."""

from __future__ import annotations

import json
import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tradewind.sdk.worker import run_as

from .harness import RUNNER_FOLDER
from .test_protection import in_opened_view

USER = "nobody"
ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What processes of each kind have found as the user."""
    folder = tmp_path_factory.mktemp("state")
    for above in folder.parents:
        if above.stat().st_uid == os.getuid() and not above.stat().st_mode & stat.S_IXOTH:
            above.chmod(0o711)
    program = in_opened_view(
        [sys.executable, str(RUNNER_FOLDER / "switching.py"), str(folder), USER], folder.parent / "view"
    )
    ended = subprocess.run(program, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False, text=True)
    assert ended.returncode == 0
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


@ROOT_ONLY
@pytest.mark.parametrize("kind", ["fresh", "warm", "spawn", "reuse", "reused"])
def test_a_process_is_the_user_in_every_respect(found: dict[str, Any], kind: str) -> None:
    entry = pwd.getpwnam(USER)
    seen = found[kind]
    assert seen["status"] == [0, None], seen["errors"]
    assert seen["users"] == [entry.pw_uid] * 3
    assert seen["groups"] == [entry.pw_gid] * 3
    assert seen["further_groups"] == sorted(os.getgrouplist(USER, entry.pw_gid))
    assert seen["environment"] == {"HOME": entry.pw_dir, "USER": USER, "LOGNAME": USER}
    assert seen["back_to_root"] == "PermissionError"


@ROOT_ONLY
@pytest.mark.parametrize("kind", ["fresh", "warm", "spawn", "reuse", "reused"])
def test_its_code_its_log_its_channel_and_its_own_processes_are_there_for_it(found: dict[str, Any], kind: str) -> None:
    seen = found[kind]
    assert seen["code"].startswith("import os")
    assert seen["printed"] == "from a program\n"
    assert seen["forked"] == 0
    assert seen["spool"] == "PermissionError"


@ROOT_ONLY
@pytest.mark.parametrize("kind", ["warm", "reuse", "reused"])
def test_the_file_is_imported_as_the_user(found: dict[str, Any], kind: str) -> None:
    assert found[kind]["imported_by"] == pwd.getpwnam(USER).pw_uid


@ROOT_ONLY
def test_code_that_the_user_cannot_reach_is_refused_with_the_folder(found: dict[str, Any]) -> None:
    assert "may not enter" in found["closed"]
    assert "--state-directory" in found["closed"]


def test_a_user_that_the_worker_does_not_allow_is_refused(tmp_path: Path) -> None:
    with pytest.raises(run_as.RunAsRefused, match="TRADEWIND_WORKER_RUN_AS_USERS"):
        run_as.resolve(USER, (), tmp_path)
    with pytest.raises(run_as.RunAsRefused, match="as etl: add"):
        run_as.resolve(USER, ("etl",), tmp_path)


def test_a_user_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(run_as.RunAsRefused, match="no user of this host"):
        run_as.resolve("nobody-at-all", ("nobody-at-all",), tmp_path)


def test_the_worker_itself_is_nobody_to_become(tmp_path: Path) -> None:
    own = pwd.getpwuid(os.geteuid()).pw_name
    assert run_as.resolve(own, (own,), tmp_path) is None


@ROOT_ONLY
def test_a_worker_that_is_not_root_refuses(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from tradewind.sdk.worker import run_as\n"
        "os.setuid(12345)\n"
        "try:\n    run_as.resolve('nobody', ('nobody',), Path('/'))\n"
        "except run_as.RunAsRefused as refusal:\n    print(refusal)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert "runs as user 12345" in ended.stdout
    assert "run the worker as root" in ended.stdout

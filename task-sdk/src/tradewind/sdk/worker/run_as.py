"""Tries that run as another user of the operating system: who may be asked for, and how a process becomes that user."""

from __future__ import annotations

import functools
import os
import pwd
import stat
import sys
from collections.abc import Collection
from pathlib import Path

from tradewind.sdk.worker import linux
from tradewind.sdk.worker.control import RunAs

_CAP_KILL = 5
_CAP_SETGID = 6
_CAP_SETUID = 7
_NEEDED = 1 << _CAP_KILL | 1 << _CAP_SETGID | 1 << _CAP_SETUID
"""Capabilities without which a process could become another user, but not be ended with its worker."""

_MAX_GROUPS = 1000
_PROGRAMS = (Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve(), Path(__file__).resolve().parent)
"""Where the interpreter and this package are: user code imports from there when it runs."""


class RunAsRefused(Exception):
    """A try may not run as the user that its task names; the message says why and what to do."""


def resolve(name: str, allowed: Collection[str], code: Path) -> RunAs | None:
    """Whom a try's process has to become; None when the worker is that user itself.

    Only a worker that runs as root can do it: `sudo` would close the descriptors on which a try speaks with its
    supervisor, and a worker that may not signal another user's process could not end it.

    Args:
        name: `run_as_user` of the task.
        allowed: users that the worker may become, its setting `run_as_users`.
        code: the snapshot's folder, which the user has to be able to read.

    Raises:
        RunAsRefused: this worker may not, or cannot.
    """
    if name not in allowed:
        raise RunAsRefused(
            f"run_as_user is {name!r} and this worker may run tries as {_listed(allowed)}: add the user to "
            "TRADEWIND_WORKER_RUN_AS_USERS, or send the task to a queue whose workers allow it"
        )
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise RunAsRefused(f"run_as_user is {name!r}, which is no user of this host: create it there") from None
    if entry.pw_uid == os.geteuid():
        return None
    if not _may_switch():
        raise RunAsRefused(
            f"run_as_user is {name!r} and this worker runs as {_own_name()}, which may not become another user: "
            "run the worker as root"
        )
    groups = tuple(os.getgrouplist(name, entry.pw_gid))[:_MAX_GROUPS]
    user = RunAs(name=name, uid=entry.pw_uid, gid=entry.pw_gid, groups=groups, home=entry.pw_dir)
    if closed := _closed_folder(user, [code]):
        raise RunAsRefused(
            f"user {name!r} may not enter {closed}, below which the code of the task is: choose a --state-directory "
            "in a place that every user may enter, such as /var/lib/tradewind"
        )
    if closed := _closed_folder(user, _PROGRAMS):
        raise RunAsRefused(
            f"user {name!r} may not enter {closed}, below which the Python of this worker is installed: install it "
            "in a place that every user may enter"
        )
    return user


def become(user: RunAs) -> None:
    """Become the user, for good, with the groups and the environment of a login.

    Raises:
        PermissionError: this process may not.
    """
    os.setgroups(user.groups)
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, user.uid, user.uid)
    # A process that changes its user is not dumpable any more, and could not look into its own /proc/self.
    linux.set_dumpable(True)
    os.environ.update(HOME=user.home, USER=user.name, LOGNAME=user.name)
    if not os.access(".", os.R_OK | os.X_OK):
        os.chdir(user.home if os.access(user.home, os.R_OK | os.X_OK) else "/")


def open_to_others(state_directory: Path) -> None:
    """Let users of the host through to the code in a state directory, and to nothing else in it.

    Raises:
        OSError: the folders belong to somebody else.
    """
    state_directory.chmod(0o711)
    (state_directory / "code").chmod(0o711)
    logs = state_directory / "logs"
    logs.mkdir(exist_ok=True)
    logs.chmod(0o700)


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) if names else "no other user"


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"


@functools.cache
def _may_switch() -> bool:
    """Whether this process is root with the capabilities of root, which containers may withhold."""
    if os.geteuid() != 0:
        return False
    status = Path("/proc/self/status").read_text("ascii", "replace")
    effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    return int(effective, 16) & _NEEDED == _NEEDED


def _closed_folder(user: RunAs, places: Collection[Path]) -> Path | None:
    """The first folder on the way to some places that the user may not enter, by its mode."""
    if user.uid == 0:
        return None
    folders = [folder for place in places for folder in reversed([place, *place.parents])]
    return next((folder for folder in folders if not _may_enter(user, folder)), None)


def _may_enter(user: RunAs, folder: Path) -> bool:
    status = folder.stat()
    if status.st_uid == user.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid in user.groups:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)

"""Telling processes apart across reuse of their ids, and ending everything below one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

from tradewind.sdk.worker import linux, process_tree
from tradewind.sdk.worker.process_tree import Identity

from .harness import await_end, open_processes

# A subreaper with a daemon in a session of its own, that a process which has ended has left behind.
TREE = """
import os, signal
from tradewind.sdk.worker import linux
linux.set_child_subreaper(True)
reading, writing = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(writing, b"%d" % os.getpid())
        signal.pause()
    os._exit(0)
os.wait()
print(os.read(reading, 100).decode(), flush=True)
signal.pause()
"""
# A process whose program has ended and whose process group lives on.
ORPHANED_GROUP = """
import os, signal, sys
if os.fork() == 0:
    if sys.argv[1:]:
        os.setpgid(0, 0)
    print(os.getpid(), flush=True)
    signal.pause()
os.read(0, 1)
"""


@contextlib.contextmanager
def program(code: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], Identity, int]]:
    """A running program, and the id that it says."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        identity = process_tree.identity(process.pid)
        assert identity
        assert process.stdout
        said = int(process.stdout.readline())
        try:
            yield process, identity, said
        finally:
            for pid in (process.pid, said):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def end_program(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    process.stdin.close()
    process.wait()


@contextlib.contextmanager
def reaping() -> Iterator[None]:
    """Wait for orphans of these tests, which would else be the work of the host's first process."""
    linux.set_child_subreaper(True)
    try:
        yield
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()
    finally:
        linux.set_child_subreaper(False)


def test_identity_names_this_very_process() -> None:
    identity = process_tree.identity(os.getpid())
    assert identity
    assert identity.session == os.getsid(0)
    assert process_tree.is_alive(identity)
    assert not process_tree.is_alive(identity._replace(start_ticks=identity.start_ticks + 1))
    assert not process_tree.is_alive(identity._replace(boot_id="of another boot"))


def test_a_process_that_has_ended_is_not_alive_even_if_nobody_has_waited_for_it() -> None:
    with subprocess.Popen(["sleep", "1000"]) as process:
        identity = process_tree.identity(process.pid)
        assert identity
        assert process_tree.is_alive(identity)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not process_tree.is_alive(identity)
    assert process_tree.identity(process.pid) is None


def test_the_name_of_a_program_does_not_confuse(tmp_path: object) -> None:
    with subprocess.Popen([sys.executable, "-c", "open('/proc/self/comm', 'w').write('a) R 1 ('); input()"],
                          stdin=subprocess.PIPE) as process:  # fmt: skip
        found = process_tree.status(process.pid)
        assert found
        assert found.parent == os.getpid()
        process.kill()


def test_kill_tree_finds_daemons_below_a_subreaper() -> None:
    with reaping(), program(TREE) as (process, identity, daemon):
        ends = open_processes([process.pid, daemon])
        assert [found.pid for found in process_tree.descendants(process.pid)] == [daemon]
        process_tree.kill_tree(process.pid, identity.start_ticks)
        assert await_end(ends)
        assert process.wait() == -signal.SIGKILL


def test_kill_tree_leaves_a_process_alone_that_got_the_id_of_a_former_one() -> None:
    with reaping(), program(TREE) as (process, identity, daemon):
        process_tree.kill_tree(process.pid, identity.start_ticks - 1)
        process_tree.signal_group(process.pid, identity.start_ticks - 1, signal.SIGKILL)
        assert process_tree.is_alive(identity)
        process_tree.kill_tree(process.pid, identity.start_ticks)
        assert process_tree.identity(daemon) is None or await_end(open_processes([daemon]))


def test_kill_leftovers_kills_recorded_processes_with_their_trees() -> None:
    with reaping(), program(TREE) as (process, identity, daemon):
        ends = open_processes([process.pid, daemon])
        assert process_tree.kill_leftovers([identity]) == sorted([process.pid, daemon])
        assert await_end(ends)


def test_kill_leftovers_kills_the_process_group_of_a_process_that_is_gone() -> None:
    with reaping(), program(ORPHANED_GROUP) as (process, identity, member):
        ends = open_processes([member])
        end_program(process)
        assert process_tree.identity(process.pid) is None
        assert process_tree.kill_leftovers([identity]) == [member]
        assert await_end(ends)


def test_kill_leftovers_kills_the_session_of_a_process_that_is_gone() -> None:
    with reaping(), program(ORPHANED_GROUP, "in a group of its own") as (process, identity, member):
        ends = open_processes([member])
        end_program(process)
        recorded = identity._replace(pid=2**22 - 1)  # of another process, in the same session
        assert process_tree.kill_leftovers([recorded]) == [member]
        assert await_end(ends)


def test_kill_leftovers_leaves_others_alone() -> None:
    with reaping(), program(TREE) as (process, identity, daemon):
        of_another_boot = identity._replace(boot_id="of another boot")
        # Younger than the recorded process, and so in another group and session of the same number.
        older = identity._replace(start_ticks=identity.start_ticks - 1)
        assert process_tree.kill_leftovers([of_another_boot, older]) == []
        assert process_tree.kill_leftovers([]) == []
        assert process_tree.is_alive(identity)
        process_tree.kill_tree(process.pid, identity.start_ticks)
        assert process_tree.identity(daemon) is None or await_end(open_processes([daemon]))


def test_kill_leftovers_never_kills_the_session_that_it_runs_in() -> None:
    with subprocess.Popen(["sleep", "1000"]) as process:
        own = process_tree.identity(os.getpid())
        assert own
        recorded = own._replace(pid=2**22 - 1, start_ticks=0)
        assert process_tree.kill_leftovers([recorded]) == []
        assert process.poll() is None
        process.kill()

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tradewind.server.dag_processor.tree_walk import FoundFile, UnreadableDirectory, read_ignore_patterns, walk

NOBODY = 65534


def fill(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def paths(root: Path) -> set[str]:
    return {found.path for found in walk(root, read_ignore_patterns(root))}


def test_files_at_every_depth_are_found(tmp_path: Path) -> None:
    fill(tmp_path, "a.py", "team/b.py", "team/data/c.csv")
    assert paths(tmp_path) == {"a.py", "team/b.py", "team/data/c.csv"}


def test_the_stamp_is_the_status_of_the_file(tmp_path: Path) -> None:
    fill(tmp_path, "a.py")
    (found,) = walk(tmp_path)
    status = (tmp_path / "a.py").stat()
    assert isinstance(found, FoundFile)
    assert found.stamp == (status.st_mtime_ns, status.st_size, status.st_ino)


def test_hidden_entries_and_byte_code_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path, "a.py", ".hidden.py", ".git/config", "__pycache__/a.pyc", "team/__pycache__/b.pyc")
    assert paths(tmp_path) == {"a.py"}


def test_ignored_patterns_match_paths_and_names(tmp_path: Path) -> None:
    fill(tmp_path, "a.py", "b_test.py", "team/c_test.py", "big/x.csv", "team/big/y.csv", "team/raw/z.csv", "# odd.py")
    (tmp_path / ".tradewindignore").write_text("# tests stay here\n*_test.py\n\nbig/\nteam/raw\n")
    assert paths(tmp_path) == {"a.py", "# odd.py"}


def test_links_are_followed_but_loops_are_not(tmp_path: Path) -> None:
    root = tmp_path / "root"
    fill(root, "team/a.py")
    fill(tmp_path, "elsewhere/b.py", "single.py")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "one.py").symlink_to(tmp_path / "single.py")
    (root / "team" / "up").symlink_to(root)
    (root / "self").symlink_to(root / "self")
    (root / "broken").symlink_to(root / "nowhere")
    assert paths(root) == {"team/a.py", "linked/b.py", "one.py"}


def test_only_regular_files_are_found(tmp_path: Path) -> None:
    fill(tmp_path, "a.py")
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert paths(tmp_path) == {"a.py"}


def test_a_missing_root_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(walk(tmp_path / "nowhere"))


@contextmanager
def as_somebody_without_privileges() -> Iterator[None]:
    """Nothing is unreadable for root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_directory_that_can_not_be_listed_is_named() -> None:
    with TemporaryDirectory() as name:
        root = Path(name)
        fill(root, "a.py", "closed/b.py")
        root.chmod(0o755)
        (root / "closed").chmod(0)
        with as_somebody_without_privileges():
            found = list(walk(root))
        (root / "closed").chmod(0o700)
    assert UnreadableDirectory("closed", "Permission denied") in found
    assert len(found) == 2

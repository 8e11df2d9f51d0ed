import hashlib
import os
import time
from pathlib import Path

import pytest

from tradewind.server.dag_processor.bundle_scan import BundleScanner, BundleState

DAG_FILE = "from tradewind.sdk import DAG\n"


def scanner(root: Path, *, max_file_bytes: int = 1000, max_bundle_bytes: int = 10_000) -> BundleScanner:
    return BundleScanner(root, max_file_bytes=max_file_bytes, max_bundle_bytes=max_bundle_bytes)


def write(path: Path, text: str, *, age_seconds: float = 60) -> None:
    """Write a file whose status says that it has not changed for a while."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    moment = time.time() - age_seconds
    os.utime(path, (moment, moment))


def errors(state: BundleState) -> dict[str, str]:
    return {error.file: error.type for error in state.errors}


def test_every_file_is_in_the_state_by_its_digest(tmp_path: Path) -> None:
    write(tmp_path / "a.py", DAG_FILE)
    write(tmp_path / "data" / "x.csv", "1,2\n")
    state = scanner(tmp_path).scan()
    assert list(state.files) == ["a.py", "data/x.csv"]
    assert state.files["data/x.csv"].digest == hashlib.sha256(b"1,2\n").hexdigest()
    assert state.files["data/x.csv"].size == 4


def test_the_contents_are_the_bytes_that_the_digest_is_of(tmp_path: Path) -> None:
    write(tmp_path / "a.py", DAG_FILE)
    scanned = scanner(tmp_path)
    digest = scanned.scan().files["a.py"].digest
    write(tmp_path / "a.py", "changed since\n", age_seconds=30)
    assert scanned.contents == {digest: DAG_FILE.encode()}


def test_an_unchanged_bundle_is_the_same_object_and_nothing_is_read(tmp_path: Path) -> None:
    write(tmp_path / "a.py", DAG_FILE)
    scanned = scanner(tmp_path)
    first = scanned.scan()
    scanned.forget_contents()
    assert scanned.scan() is first
    assert scanned.contents == {}


@pytest.mark.parametrize("age_seconds", [60.0, 0.0])
def test_a_changed_file_changes_the_state(tmp_path: Path, age_seconds: float) -> None:
    write(tmp_path / "a.py", DAG_FILE, age_seconds=120)
    scanned = scanner(tmp_path)
    first = scanned.scan()
    write(tmp_path / "a.py", DAG_FILE + "# more\n", age_seconds=age_seconds)
    second = scanned.scan()
    assert second.files["a.py"].digest != first.files["a.py"].digest


def test_a_second_change_that_leaves_the_same_status_is_seen_while_the_file_is_young(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    write(path, "x = 1\n", age_seconds=0)
    scanned = scanner(tmp_path)
    first = scanned.scan()
    before = path.stat()
    with path.open("r+") as file:
        file.write("x = 2\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert scanned.scan().files["a.py"].digest != first.files["a.py"].digest


def test_a_young_file_that_did_not_change_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a.py", DAG_FILE, age_seconds=0)
    scanned = scanner(tmp_path)
    assert scanned.scan() is scanned.scan()


def test_new_and_vanished_files_change_the_state(tmp_path: Path) -> None:
    write(tmp_path / "a.py", DAG_FILE)
    scanned = scanner(tmp_path)
    scanned.scan()
    write(tmp_path / "b.py", DAG_FILE)
    assert set(scanned.scan().files) == {"a.py", "b.py"}
    (tmp_path / "a.py").unlink()
    assert set(scanned.scan().files) == {"b.py"}


@pytest.mark.parametrize(
    ("name", "text", "declares_dags"),
    [
        ("a.py", "from tradewind.sdk import dag", True),
        ("a.py", "import Tradewind; DAG", True),
        ("a.py", "import tradewind", False),
        ("a.py", "dag = 1", False),
        ("a.txt", "from tradewind.sdk import dag", False),
    ],
)
def test_a_python_file_with_both_words_may_declare_dags(
    tmp_path: Path, name: str, text: str, declares_dags: bool
) -> None:
    write(tmp_path / name, text)
    assert scanner(tmp_path).scan().files[name].declares_dags is declares_dags


def test_a_file_over_the_limit_is_left_out_and_named_with_the_limit(tmp_path: Path) -> None:
    write(tmp_path / "a.py", DAG_FILE)
    write(tmp_path / "big.csv", "x" * 1001)
    state = scanner(tmp_path).scan()
    assert set(state.files) == {"a.py"}
    assert errors(state) == {"big.csv": "FileTooLarge"}
    assert "big.csv" in state.errors[0].message
    assert "dags.max_file_bytes is 1000" in state.errors[0].message


def test_a_bundle_over_the_limit_loses_data_before_python_files(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "z.py"):
        write(tmp_path / name, "x" * 40)
    state = scanner(tmp_path, max_bundle_bytes=100).scan()
    assert set(state.files) == {"a.csv", "z.py"}
    assert errors(state) == {"b.csv": "BundleTooLarge"}
    assert "dags.max_bundle_bytes, 100" in state.errors[0].message


def test_a_file_that_shrank_below_the_limit_comes_back(tmp_path: Path) -> None:
    write(tmp_path / "big.csv", "x" * 1001)
    scanned = scanner(tmp_path)
    scanned.scan()
    write(tmp_path / "big.csv", "small", age_seconds=30)
    state = scanned.scan()
    assert (set(state.files), state.errors) == ({"big.csv"}, ())


def test_a_name_that_is_not_utf8_is_left_out_and_shown(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.py")).write_text(DAG_FILE)
    state = scanner(tmp_path).scan()
    assert state.files == {}
    assert errors(state) == {"caf\\xe9.py": "UnusableFileName"}


def test_everything_can_be_read_again(tmp_path: Path) -> None:
    write(tmp_path / "a.py", DAG_FILE)
    scanned = scanner(tmp_path)
    first = scanned.scan()
    scanned.forget_contents()
    scanned.read_everything_again()
    again = scanned.scan()
    assert again == first
    assert set(scanned.contents) == {again.files["a.py"].digest}


def test_a_missing_directory_is_an_error_and_no_empty_bundle(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        scanner(tmp_path / "nowhere").scan()

"""Opening the database: what is refused, and in which words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tradewind.server.secrets.cipher import Cipher
from tradewind.server.store import Store, StoreError
from tradewind.server.store.sqlite import check_version, driver

from .world import OpenStore

OPEN = """
import sys
from pathlib import Path
from tradewind.server.secrets.cipher import Cipher
from tradewind.server.store import Store, StoreError
try:
    Store.open(sys.argv[1], cipher=Cipher.open(Path(sys.argv[2]))).close()
except StoreError as error:
    sys.exit(str(error))
"""


def open_elsewhere(url: str, key_file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", OPEN, url, str(key_file)], capture_output=True, text=True, check=False, timeout=60
    )


def test_a_second_control_plane_on_sqlite_is_refused_and_postgresql_named(
    sqlite_url: str, open_store: OpenStore, tmp_path: Path
) -> None:
    store = open_store(sqlite_url)
    refused = open_elsewhere(sqlite_url, tmp_path / "key")
    assert refused.returncode == 1
    assert "PostgreSQL" in refused.stderr
    assert f"process {os.getpid()}" in refused.stderr
    with pytest.raises(StoreError, match="PostgreSQL"):
        open_store(sqlite_url)
    store.close()
    assert open_elsewhere(sqlite_url, tmp_path / "key").returncode == 0


def test_a_short_administrative_command_works_beside_the_control_plane(sqlite_url: str, open_store: OpenStore) -> None:
    open_store(sqlite_url)
    open_store(sqlite_url, exclusive=False)


def test_the_lock_of_a_killed_process_is_free(sqlite_url: str, open_store: OpenStore, tmp_path: Path) -> None:
    imports = OPEN.split("try:", maxsplit=1)[0]
    held = f"{imports}\nstore = Store.open(sys.argv[1], cipher=Cipher.open(Path(sys.argv[2])))\n"
    script = held + "print('open', flush=True)\nsys.stdin.read()\n"
    arguments = [sys.executable, "-c", script, sqlite_url, str(tmp_path / "key")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(StoreError):
            open_store(sqlite_url)
        process.kill()
    open_store(sqlite_url)


def test_two_stores_share_a_postgresql_database(postgres_url: str, open_store: OpenStore) -> None:
    open_store(postgres_url)
    open_store(postgres_url)


def test_a_database_without_the_schema_is_refused_and_the_command_named(
    empty_database_url: str, cipher: Cipher
) -> None:
    with pytest.raises(StoreError, match="tradewind-server db migrate"):
        Store.open(empty_database_url, cipher=cipher)
    Store.open(empty_database_url, cipher=cipher, migrate=True).close()
    Store.open(empty_database_url, cipher=cipher).close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_sqlite_database_is_a_file(url: str, cipher: Cipher) -> None:
    with pytest.raises(StoreError, match="names no file"):
        Store.open(url, cipher=cipher)


def test_another_database_is_refused(cipher: Cipher) -> None:
    with pytest.raises(StoreError, match="sqlite:///PATH or postgresql"):
        Store.open("mysql://somebody:secret@host/db", cipher=cipher)


def test_a_postgresql_that_is_not_there_is_named(cipher: Cipher) -> None:
    with pytest.raises(StoreError, match="PostgreSQL"):
        Store.open("postgresql://somebody@127.0.0.1:1/db", cipher=cipher)


@pytest.mark.parametrize("version", [(3, 40, 1), (3, 51, 2), (3, 52, 0)])
def test_a_sqlite_that_may_lose_data_is_refused(version: tuple[int, int, int]) -> None:
    with pytest.raises(StoreError, match="pysqlite3"):
        check_version(version)


@pytest.mark.parametrize("version", [(3, 51, 3), (3, 52, 1), (3, 53, 0), (3, 53, 4)])
def test_a_safe_sqlite_is_taken(version: tuple[int, int, int]) -> None:
    check_version(version)


def test_the_driver_brings_a_safe_sqlite() -> None:
    check_version(driver.sqlite_version_info)


def test_the_database_file_is_for_its_user_alone(tmp_path: Path, cipher: Cipher) -> None:
    path = tmp_path / "new" / "tradewind.db"
    Store.open(f"sqlite:///{path}", cipher=cipher, migrate=True).close()
    assert path.stat().st_mode & 0o777 == 0o600

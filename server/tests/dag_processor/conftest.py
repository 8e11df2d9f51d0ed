"""A store and a directory of DAG files."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradewind.server.secrets.cipher import Cipher
from tradewind.server.settings import Settings, load_settings
from tradewind.server.store import Store, StoreOptions


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the current schema, to be copied."""
    directory = tmp_path_factory.mktemp("template")
    cipher = Cipher.open(directory / "secret.key")
    Store.open(f"sqlite:///{directory / 'tradewind.db'}", cipher=cipher, migrate=True).close()
    return directory


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "dags").mkdir()
    return load_settings(
        tmp_path, {"TRADEWIND__DAGS__MAX_FILE_BYTES": "1000", "TRADEWIND__DAGS__REFRESH_SECONDS": "0.05"}
    )


@pytest.fixture
def store(template: Path, tmp_path: Path, settings: Settings) -> Iterator[Store]:
    for name in ("tradewind.db", "secret.key"):
        shutil.copy2(template / name, tmp_path / name)
    cipher = Cipher.open(tmp_path / "secret.key")
    with Store.open(settings.database_url, cipher=cipher, options=StoreOptions.from_settings(settings)) as opened:
        yield opened

"""A store and a directory of DAG files."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from tradewind.server.settings import Settings, load_settings
from tradewind.server.store import Store, StoreOptions


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "dags").mkdir()
    return load_settings(
        tmp_path, {"TRADEWIND__DAGS__MAX_FILE_BYTES": "1000", "TRADEWIND__DAGS__REFRESH_SECONDS": "0.05"}
    )


@pytest.fixture
def store(database_url: str, open_store: Callable[..., Store], settings: Settings) -> Store:
    """A store on each kind of database, with the options of the settings."""
    return open_store(database_url, **asdict(StoreOptions.from_settings(settings)))

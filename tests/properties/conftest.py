"""Databases of the deployments that are moved step by step."""

from collections.abc import Iterator

import pytest

from tests.properties.deployment.databases import Bench
from tests.properties.deployment.machine import OPTIONS
from tests.support.databases import create_database, drop_database


@pytest.fixture(scope="session")
def sqlite_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    home = tmp_path_factory.mktemp("deployment")
    bench = Bench(f"sqlite:///{home / 'tradewind.db'}", home, OPTIONS)
    yield bench
    bench.close()


@pytest.fixture(scope="session")
def postgres_bench(tmp_path_factory: pytest.TempPathFactory, postgres_admin_url: str) -> Iterator[Bench]:
    url = create_database(postgres_admin_url)
    bench = Bench(url, tmp_path_factory.mktemp("deployment"), OPTIONS)
    yield bench
    bench.close()
    drop_database(postgres_admin_url, url)


@pytest.fixture(params=["sqlite", "postgresql"])
def bench(request: pytest.FixtureRequest) -> Bench:
    """A database of each kind."""
    found: Bench = request.getfixturevalue("sqlite_bench" if request.param == "sqlite" else "postgres_bench")
    return found

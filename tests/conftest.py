"""Fixtures for what crosses distributions: a PostgreSQL of the run's own and a fresh database for each test."""

import os
from collections.abc import Iterator

import pytest

from tests.support.postgres import URL_VARIABLE, running_postgres


@pytest.fixture(scope="session")
def postgres_admin_url() -> Iterator[str]:
    """URL of the administrative database, on the server that the run was given or else on one started here."""
    if given := os.environ.get(URL_VARIABLE):
        yield given
        return
    with running_postgres() as server:
        yield server.url


@pytest.fixture
def postgres_url(postgres_admin_url: str) -> Iterator[str]:
    """URL of an empty database that is this test's own."""
    from tests.support.databases import create_database, drop_database  # noqa: PLC0415  some runs have no psycopg

    url = create_database(postgres_admin_url)
    yield url
    drop_database(postgres_admin_url, url)

"""Fixtures of the end-to-end tests: systems that are shut down, looked over, and shown when a test fails."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import adopt_orphans, survivors
from tests.e2e.system import System
from tests.journal.checker import faults
from tests.journal.executions import read_executions
from tests.journal.records import read_journal
from tests.journal.waiting import unexplained


@pytest.fixture(scope="session", autouse=True)
def orphans_stay_in_sight() -> None:
    adopt_orphans()


@pytest.fixture
def sqlite_system(tmp_path: Path) -> Iterator[System]:
    """A system on SQLite, not started yet; at the end of the test it is shut down and its journal is examined."""
    yield from looked_over(System(tmp_path / "sqlite"))


@pytest.fixture
def postgres_system(tmp_path: Path, postgres_url: str) -> Iterator[System]:
    """The same on a PostgreSQL database of its own."""
    yield from looked_over(System(tmp_path / "postgresql", postgres_url))


@pytest.fixture(params=["sqlite", "postgresql"])
def system(request: pytest.FixtureRequest) -> System:
    """The test runs twice: on a system with either database."""
    name = "sqlite_system" if request.param == "sqlite" else "postgres_system"
    found: System = request.getfixturevalue(name)
    return found


def looked_over(system: System) -> Iterator[System]:
    """End what the test has left running, and hold the system to what must be true after any test."""
    unsaid: list[str] = []
    try:
        yield system
        unsaid = list(unexplained(system.unfinished()))
        system.close()
    finally:
        left = survivors()
        system.release()
    assert left == [], "processes outlived the system"
    assert unsaid == []
    if system.has_database():
        assert faults(read_journal(system.database_url, executions=read_executions(system.witness))) == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the system has printed and logged, where a test failed."""
    report = yield
    if report.failed:
        shown: set[int] = set()
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, System) and id(value) not in shown:
                shown.add(id(value))
                report.sections.extend(value.evidence())
    return report

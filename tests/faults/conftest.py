"""Deployments that seeds share: one at a time, and another one after a seed has failed on it."""

import contextlib
import os
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import (  # noqa: F401  the systems of the directed tests, and what is proven at their end
    orphans_stay_in_sight,
    postgres_system,
    sqlite_system,
    system,
)
from tests.e2e.processes import survivors
from tests.e2e.system import System
from tests.faults.dags.shape import COUNT
from tests.faults.deployments import Deployment, deployed, wait_for_dags
from tests.faults.plans import topology_of

SEEDS = 100


HAPPENED = pytest.StashKey[Counter[str]]()


class Deployments:
    """One deployment at a time.

    Attributes:
        happened: faults of the seeds so far, by kind and target.
    """

    def __init__(self, directory: Path, happened: Counter[str]) -> None:
        self.happened = happened
        self._directory = directory
        self._stack = contextlib.ExitStack()
        self._current: Deployment | None = None
        self._spoilt = False
        self._kind = "", 0
        self._number = 0

    def get(self, topology: str, *, own_workers: int = 1) -> Deployment:
        """Return a deployment on which nothing has failed.

        Args:
            topology: see `deployed`.
            own_workers: see `deployed`.
        """
        wanted = topology, own_workers
        if self._current is None or self._spoilt or self._kind != wanted:
            self.close()
            self._spoilt, self._kind = False, wanted
            self._number += 1
            directory = self._directory / f"{self._number}-{topology}"
            context = deployed(topology, directory, own_workers=own_workers)
            self._current = self._stack.enter_context(context)
            wait_for_dags(self._current, "crowd", *(f"chaos_{number}" for number in range(COUNT)))
        return self._current

    def spoilt(self) -> None:
        """Note that a seed has failed: the next one gets another deployment."""
        self._spoilt = True

    @property
    def evidence(self) -> list[tuple[str, str]]:
        """Return what the processes have printed and logged."""
        return [] if self._current is None else self._current.evidence()

    def close(self) -> None:
        """End the deployment, and see that nothing of it is left."""
        current, self._current = self._current, None
        self._stack.close()
        if current is not None:
            assert survivors() == [], "processes outlived the deployment"


@pytest.fixture(scope="session")
def deployments(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployments]:
    happened = request.config.stash.setdefault(HAPPENED, Counter())
    kept = Deployments(tmp_path_factory.mktemp("deployments"), happened)
    try:
        yield kept
    finally:
        kept.close()


@pytest.fixture(scope="module")
def alone(deployments: Deployments) -> None:
    """For tests with deployments of their own: the shared one is ended, so that nobody else's processes are there."""
    deployments.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `seed` the numbers of FAULT_SEEDS (`7,9,100-199`), or else the first hundred."""
    if "seed" in metafunc.fixturenames:
        seeds = sorted({*chosen_seeds(os.environ.get("FAULT_SEEDS", ""))}, key=lambda seed: (topology_of(seed), seed))
        metafunc.parametrize("seed", seeds, ids=[f"seed-{seed}" for seed in seeds])


def chosen_seeds(text: str) -> Iterator[int]:
    """Read numbers and ranges."""
    if not text:
        yield from range(SEEDS)
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what the seeds have met: a fault that never happened has proven nothing."""
    if happened := config.stash.get(HAPPENED, Counter()):
        terminalreporter.section("faults that happened")
        for name, count in sorted(happened.items()):
            terminalreporter.write_line(f"{count:5} {name}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the processes have printed, where a test failed."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Deployments):
                report.sections.extend(value.evidence)
            elif isinstance(value, System):
                report.sections.extend(value.evidence())
    return report

"""A whole deployment under random steps: whatever happens, nothing is lost and every run ends as it must."""

import os

import pytest

from tests.properties.deployment.databases import Bench
from tests.properties.deployment.seeds import FIXED, play

SEEDS_VARIABLE = "DEPLOYMENT_SEEDS"
"""Which seeds are played, such as `0-1999`; both ends are among them."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        first, _, last = os.environ.get(SEEDS_VARIABLE, "0-99").partition("-")
        metafunc.parametrize("seed", sorted({*FIXED, *range(int(first), int(last or first) + 1)}))


def test_every_history_is_lawful_and_ends(bench: Bench, seed: int) -> None:
    play(bench, seed)


def test_the_same_seed_makes_the_same_history(bench: Bench) -> None:
    def told() -> list[str]:
        return [step.partition(":")[0] for step in play(bench, 3).trace]

    assert told() == told()

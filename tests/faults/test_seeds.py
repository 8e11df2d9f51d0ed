"""Faults at random points of random runs: each run ends as it must, and what was recorded is a lawful history."""

import pytest

from tests.faults.conftest import Deployments
from tests.faults.fixed_cases import CASES
from tests.faults.plans import Plan, make_plan
from tests.faults.seeds import Seed


def test_the_same_seed_makes_the_same_plan() -> None:
    assert [make_plan(seed) for seed in range(200)] == [make_plan(seed) for seed in range(200)]


def test_a_run_ends_as_it_must_whatever_happens(seed: int, deployments: Deployments) -> None:
    assert problems(make_plan(seed), deployments) == [], f"{make_plan(seed)}"


@pytest.mark.parametrize("name", CASES)
def test_what_failed_once_ends_as_it_must(name: str, deployments: Deployments) -> None:
    assert problems(CASES[name], deployments) == []


def problems(plan: Plan, deployments: Deployments) -> list[str]:
    """Return what was wrong at the end of a plan."""
    trial = Seed(deployments.get(plan.topology), plan)
    try:
        trial.run()
    except BaseException:
        deployments.spoilt()
        raise
    deployments.happened.update(trial.counts)
    if trial.problems:
        deployments.spoilt()
    return trial.problems

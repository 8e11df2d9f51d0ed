"""Faults at random points of random runs: each run ends as it must, and what was recorded is a lawful history."""

from tests.faults.conftest import Deployments
from tests.faults.plans import make_plan
from tests.faults.seeds import Seed


def test_the_same_seed_makes_the_same_plan() -> None:
    assert [make_plan(seed) for seed in range(200)] == [make_plan(seed) for seed in range(200)]


def test_a_run_ends_as_it_must_whatever_happens(seed: int, deployments: Deployments) -> None:
    plan = make_plan(seed)
    trial = Seed(deployments.get(plan.topology), plan)
    trial.run()
    if trial.problems:
        deployments.spoilt()
    assert trial.problems == [], f"{plan}"

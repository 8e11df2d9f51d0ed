"""Effective weights of tasks."""

import tracemalloc
from random import Random

import pytest

from tradewind.server.contract import Isolation, OnCut, SerializedDag, SerializedTask, TriggerRule, WeightRule
from tradewind.server.domain import priorities
from tradewind.server.domain.priorities import LARGEST, SMALLEST, effective_weights


def task(task_id: str, *upstream: str, weight: int = 1, rule: WeightRule | None = None) -> SerializedTask:
    return SerializedTask(
        task_id=task_id,
        upstream=sorted(upstream),
        operator="EmptyOperator",
        operator_module="tradewind.sdk.standard.operators.empty",
        trigger_rule=TriggerRule.ALL_SUCCESS,
        retries=0,
        retry_delay_seconds=0.0,
        queue="default",
        isolation=Isolation.FORK,
        on_cut=OnCut.CONTINUE,
        owner="me",
        priority_weight=weight,
        weight_rule=rule,
    )


def weights(*tasks: SerializedTask) -> dict[str, int]:
    return effective_weights(SerializedDag(dag_id="d", tags=[], max_active_runs=1, tasks=list(tasks)))


def diamond(rule: WeightRule | None) -> dict[str, int]:
    return weights(
        task("a", weight=1, rule=rule),
        task("b", "a", weight=10, rule=rule),
        task("c", "a", weight=100, rule=rule),
        task("e", "b", "c", weight=1000, rule=rule),
    )


def test_a_task_weighs_what_waits_for_it_each_task_once() -> None:
    assert diamond(WeightRule.DOWNSTREAM) == {"a": 1111, "b": 1010, "c": 1100, "e": 1000}
    assert diamond(None) == diamond(WeightRule.DOWNSTREAM)


def test_or_what_it_waits_for() -> None:
    assert diamond(WeightRule.UPSTREAM) == {"a": 1, "b": 11, "c": 101, "e": 1111}


def test_or_what_it_declares() -> None:
    assert diamond(WeightRule.ABSOLUTE) == {"a": 1, "b": 10, "c": 100, "e": 1000}


def test_each_task_has_its_own_rule() -> None:
    mixed = weights(
        task("a", weight=2, rule=WeightRule.ABSOLUTE),
        task("b", "a", weight=3, rule=WeightRule.UPSTREAM),
        task("c", "b", weight=4),
    )
    assert mixed == {"a": 2, "b": 5, "c": 4}


def test_weights_may_be_negative_and_are_cut_at_the_bound() -> None:
    assert weights(task("a", weight=-5), task("b", "a", weight=-7)) == {"a": -12, "b": -7}
    assert weights(task("a", weight=LARGEST), task("b", "a", weight=LARGEST)) == {"a": LARGEST, "b": LARGEST}
    assert weights(task("a", weight=SMALLEST), task("b", "a", weight=-9))["a"] == SMALLEST


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("rule", [WeightRule.DOWNSTREAM, WeightRule.UPSTREAM])
def test_sums_are_those_of_a_walk_over_the_graph(seed: int, rule: WeightRule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priorities, "TASKS_AT_ONCE", 7)
    random = Random(seed)
    number = random.randint(1, 40)
    upstream = {one: {source for source in range(one) if random.random() < 0.1} for one in range(number)}
    own = {one: random.randint(-1000, 1000) for one in range(number)}
    tasks = [
        task(f"t{one}", *(f"t{source}" for source in upstream[one]), weight=own[one], rule=rule)
        for one in range(number)
    ]
    edges = upstream
    if rule is WeightRule.DOWNSTREAM:
        edges = {one: {target for target in range(number) if one in upstream[target]} for one in range(number)}
    assert weights(*tasks) == {f"t{one}": own[one] + sum(own[other] for other in all_of(edges, one)) for one in edges}


def all_of(edges: dict[int, set[int]], start: int) -> set[int]:
    found: set[int] = set()
    waiting = [start]
    while waiting:
        for target in edges[waiting.pop()] - found:
            found.add(target)
            waiting.append(target)
    return found


def test_memory_grows_with_the_tasks_and_not_with_their_square(monkeypatch: pytest.MonkeyPatch) -> None:
    number = 10_000
    monkeypatch.setattr(priorities, "TASKS_AT_ONCE", 1000)
    tasks = [task("t0"), *(task(f"t{one}", f"t{one - 1}", weight=one % 50) for one in range(1, number))]
    dag = SerializedDag(dag_id="d", tags=[], max_active_runs=1, tasks=tasks)
    tracemalloc.start()
    try:
        found = effective_weights(dag)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found["t0"] == 1 + sum(one % 50 for one in range(1, number))
    # One bit for each pair would be 12 MB; the graph itself takes 8.
    assert peak < 12 * 2**20

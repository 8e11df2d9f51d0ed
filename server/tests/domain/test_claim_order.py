"""Which of the waiting instances goes next, and that no limit is exceeded on the way."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from tradewind.server.domain.claim_order import Active, ClaimOrder, Lane, Usage

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Waiting:
    """A waiting instance, as its row would say it."""

    pk: int
    dag_id: str = "d"
    run_pk: int = 1
    task_id: str = "t"
    pool: str = "p"
    pool_slots: int = 1
    priority_weight: int = 1
    queue: str = "q"
    max_active_tis_per_dag: int | None = None
    max_active_tis_per_dagrun: int | None = None


class Deployment:
    """Waiting and active instances with the limits of their pools and DAGs."""

    def __init__(
        self,
        waiting: Sequence[Waiting],
        *,
        active: Sequence[Waiting] = (),
        pools: Mapping[str, int] | None = None,
        max_active_tasks: int = 1000,
    ) -> None:
        self.waiting = sorted(waiting, key=lambda one: (-one.priority_weight, one.pk))
        self.active = list(active)
        self.pools = pools or {}
        self.max_active_tasks = max_active_tasks
        self.reads = 0
        self.order = ClaimOrder(self._lanes(), Usage(self._groups(), "x", self._tasks), self._read)

    def take(self, places: int) -> list[Waiting]:
        taken: list[Waiting] = []
        while (picked := self.order.next(lambda _: places - len(taken))) is not None:
            taken.append(picked[1])
        return taken

    def _lanes(self) -> list[Lane]:
        first: dict[Any, Waiting] = {}
        for one in self.waiting:
            first.setdefault(_key(one), one)
        return [
            Lane(
                queue=one.queue,
                dag_id=one.dag_id,
                run_pk=one.run_pk,
                pool=one.pool,
                pool_slots=one.pool_slots,
                max_active_tasks=self.max_active_tasks,
                slots=self.pools.get(one.pool, -1),
                run_after=NOW + timedelta(days=one.run_pk),
                first_pk=one.pk,
                first_weight=one.priority_weight,
                waiting_since=NOW + timedelta(seconds=one.pk),
            )
            for one in first.values()
        ]

    def _groups(self) -> list[Active]:
        return [
            Active("x", one.queue, one.dag_id, one.run_pk, one.pool, number=1, slots=one.pool_slots)
            for one in self.active
        ]

    def _tasks(self, dag_id: str) -> Mapping[tuple[str, int], int]:
        return Counter((one.task_id, one.run_pk) for one in self.active if one.dag_id == dag_id)

    def _read(self, lane: Lane, last: Waiting | None, most: int) -> list[Waiting]:
        self.reads += 1
        key = (lane.queue, lane.dag_id, lane.run_pk, lane.pool, lane.pool_slots)
        rows = [one for one in self.waiting if _key(one) == key]
        return rows[rows.index(last) + 1 if last else 0 :][:most]


def _key(one: Waiting) -> Any:
    return (one.queue, one.dag_id, one.run_pk, one.pool, one.pool_slots)


def ids(taken: Sequence[Waiting]) -> list[int]:
    return [one.pk for one in taken]


def test_the_heaviest_goes_first_and_of_those_the_one_of_the_earliest_run() -> None:
    weights = [(1, 1, 5), (2, 1, 9), (3, 2, 9), (4, 1, 9), (5, 2, 10)]
    waiting = [Waiting(pk, run_pk=run_pk, priority_weight=weight) for pk, run_pk, weight in weights]
    assert ids(Deployment(waiting).take(5)) == [5, 2, 4, 3, 1]


def test_dags_take_turns_whatever_their_weights() -> None:
    heavy = [Waiting(pk, dag_id="heavy", run_pk=1, priority_weight=1000) for pk in range(1, 11)]
    light = [Waiting(pk, dag_id="light", run_pk=2) for pk in range(11, 21)]
    taken = Deployment(heavy + light).take(6)
    assert Counter(one.dag_id for one in taken) == {"heavy": 3, "light": 3}


def test_what_is_active_already_counts_for_the_turns() -> None:
    active = [Waiting(pk, dag_id="busy", run_pk=1) for pk in range(100, 104)]
    waiting = [Waiting(pk, dag_id="busy", run_pk=1) for pk in range(1, 9)]
    waiting += [Waiting(pk, dag_id="new", run_pk=2) for pk in range(11, 19)]
    taken = Deployment(waiting, active=active).take(6)
    assert Counter(one.dag_id for one in taken) == {"new": 5, "busy": 1}


def test_places_that_one_dag_cannot_use_are_for_the_others() -> None:
    waiting = [Waiting(1, dag_id="small", run_pk=1), *(Waiting(pk, dag_id="large", run_pk=2) for pk in range(2, 50))]
    assert Counter(one.dag_id for one in Deployment(waiting).take(20)) == {"small": 1, "large": 19}


def test_a_full_pool_holds_back_nothing_else_of_the_same_dag() -> None:
    blocked = [Waiting(pk, pool="full", priority_weight=100) for pk in range(1, 2000)]
    deployment = Deployment([*blocked, Waiting(5000)], pools={"full": 0})
    assert ids(deployment.take(10)) == [5000]
    assert deployment.order.held_back
    assert deployment.reads == 1


def test_what_needs_more_slots_than_are_free_lets_smaller_work_pass() -> None:
    waiting = [Waiting(1, pool="p", pool_slots=3, priority_weight=9), Waiting(2, pool="p"), Waiting(3, pool="p")]
    assert ids(Deployment(waiting, pools={"p": 2}).take(9)) == [2, 3]
    assert ids(Deployment(waiting, pools={"p": 4}).take(9)) == [1, 2]


def test_a_run_with_as_many_active_tasks_as_allowed_lets_the_next_run_go() -> None:
    waiting = [Waiting(pk, run_pk=pk // 10, priority_weight=20 - pk) for pk in range(10, 20)]
    waiting += [Waiting(pk, run_pk=2) for pk in range(20, 30)]
    deployment = Deployment(waiting, active=[Waiting(99, run_pk=1)], max_active_tasks=3)
    assert ids(deployment.take(10)) == [10, 11, 20, 21, 22]


def test_a_task_at_its_limit_lets_others_of_its_lane_go() -> None:
    waiting = [
        Waiting(pk, run_pk=pk, task_id="limited", priority_weight=9, max_active_tis_per_dag=2) for pk in range(1, 5)
    ]
    waiting += [Waiting(pk + 10, run_pk=pk, task_id="free") for pk in range(1, 5)]
    active = [Waiting(99, run_pk=9, task_id="limited")]
    assert ids(Deployment(waiting, active=active).take(10)) == [1, 11, 12, 13, 14]


def test_a_limit_within_a_run_counts_the_instances_of_that_run_alone() -> None:
    waiting = [Waiting(pk, run_pk=1 + pk % 2, task_id="mapped", max_active_tis_per_dagrun=2) for pk in range(1, 9)]
    assert sorted(ids(Deployment(waiting).take(9))) == [1, 2, 3, 4]


def test_nothing_is_held_back_where_places_are_short() -> None:
    deployment = Deployment([Waiting(pk) for pk in range(1, 9)], pools={"p": 100})
    assert len(deployment.take(3)) == 3
    assert not deployment.order.held_back


def test_what_is_gone_by_the_time_it_is_read_is_told() -> None:
    deployment = Deployment([Waiting(1), Waiting(2)])
    deployment.waiting = [Waiting(2)]
    assert ids(deployment.take(3)) == [2]
    assert deployment.order.changing


@pytest.mark.parametrize("seed", range(30))
def test_all_limits_hold_and_nothing_that_could_go_is_left(seed: int) -> None:
    random = Random(seed)
    pools = {"a": random.randint(0, 6), "b": random.randint(0, 6), "c": -1}

    def instance(pk: int) -> Waiting:
        run_pk = random.randint(1, 6)
        limited = random.random() < 0.5
        return Waiting(
            pk,
            dag_id=f"d{run_pk % 3}",
            run_pk=run_pk,
            task_id=f"limited{pk % 2}" if limited else f"t{pk % 3}",
            pool=random.choice("abc"),
            pool_slots=random.randint(1, 3),
            priority_weight=random.randint(1, 5),
            max_active_tis_per_dag=3 if limited else None,
            max_active_tis_per_dagrun=2 if limited else None,
        )

    waiting = [instance(pk) for pk in range(1, random.randint(2, 80))]
    deployment = Deployment(waiting, pools=pools, max_active_tasks=4)
    taken = deployment.take(200)
    fits = limits_of(pools, 4)
    for number in range(len(taken)):
        assert fits(taken[:number], taken[number])
    left = [one for one in waiting if one not in taken]
    assert not [one for one in left if fits(taken, one)]
    assert deployment.order.held_back or not left


def limits_of(pools: Mapping[str, int], max_active_tasks: int) -> Callable[[Sequence[Waiting], Waiting], bool]:
    """Whether one more may be active beside others, counted one by one."""

    def fits(active: Sequence[Waiting], one: Waiting) -> bool:
        in_pool = sum(other.pool_slots for other in active if other.pool == one.pool)
        in_run = [other for other in active if other.run_pk == one.run_pk]
        alike = [other for other in active if (other.dag_id, other.task_id) == (one.dag_id, one.task_id)]
        alike_in_run = [other for other in alike if other.run_pk == one.run_pk]
        return (
            (pools[one.pool] == -1 or in_pool + one.pool_slots <= pools[one.pool])
            and len(in_run) < max_active_tasks
            and (one.max_active_tis_per_dag is None or len(alike) < one.max_active_tis_per_dag)
            and (one.max_active_tis_per_dagrun is None or len(alike_in_run) < one.max_active_tis_per_dagrun)
        )

    return fits

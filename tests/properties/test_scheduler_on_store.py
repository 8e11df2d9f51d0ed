"""The scheduler's passes on a real store, under random histories with lost transactions and changes of the leader."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.properties.live_run import LiveRun, outcome_of
from tests.properties.reference import Reference
from tests.properties.run_model import RunModel, TaskModel
from tests.properties.strategies import task_sets
from tradewind.server.contract import (
    DAG_RUN_TRANSITIONS,
    TASK_INSTANCE_FINAL,
    TASK_INSTANCE_TRANSITIONS,
    DagRunEvent,
    DagRunState,
    TaskInstanceEvent,
    TaskInstanceState,
)
from tradewind.server.secrets.cipher import Cipher
from tradewind.server.store import Store, StoreOptions, runs
from tradewind.server.store.rows import InstanceRow

MAX_LOST = 1
LONGEST_HISTORY = 200
NUMBERS = count()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    home = tmp_path_factory.mktemp("store")
    options = StoreOptions(max_lost_tries=MAX_LOST)
    cipher = Cipher.open(home / "secret.key")
    with Store.open(f"sqlite:///{Path(home) / 't.db'}", cipher=cipher, options=options, migrate=True) as opened:
        yield opened


@dataclass(frozen=True)
class Step:
    """One thing that happens, in numbers: what it comes to depends on the run, whose clock no test case holds.

    Attributes:
        action: which of what can happen.
        target: to which live dispatch.
        tasks: the tasks that it names, of which as many count as can be named.
    """

    action: int
    target: int
    tasks: tuple[int, ...]


NUMBER = st.integers(0, 2**16)
STEPS = st.lists(st.builds(Step, NUMBER, NUMBER, st.lists(NUMBER, max_size=2).map(tuple)), max_size=40)


def act(run: LiveRun, step: Step, *, by_hand: bool) -> None:
    """Something happens to the run."""
    live = sorted(run.dispatches)
    choices = ["decide", "decide", "decide in vain", "change leader", "claim", "claim"]
    choices += ["start", "succeed", "succeed", "fail", "fail for good", "skip", "lose"] if live else []
    choices += ["clear"] * by_hand
    match choices[step.action % len(choices)]:
        case "decide":
            run.decide()
        case "decide in vain":
            run.decide_in_vain()
        case "change leader":
            run.change_leader()
        case "claim":
            run.claim()
        case "start":
            run.start(live[step.target % len(live)])
        case "lose":
            run.lose(live[step.target % len(live)])
        case "clear":
            run.clear(some_tasks(run, step.tasks or (0,)))
        case outcome:
            skips = some_tasks(run, step.tasks) if outcome == "succeed" else ()
            run.finish(live[step.target % len(live)], outcome_of(outcome, skips))


def some_tasks(run: LiveRun, numbers: Iterable[int]) -> list[str]:
    names = sorted(run.instances())
    return sorted({names[number % len(names)] for number in numbers})


def bring_to_an_end(run: LiveRun) -> None:
    """Nothing goes wrong any more."""
    for _ in range(LONGEST_HISTORY):
        run.decide()
        if run.ended:
            return
        run.claim()
        for task_id in sorted(run.dispatches):
            run.finish(task_id, outcome_of("succeed"))
    pytest.fail("the run does not end")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks=task_sets(most=6), steps=STEPS)
def test_every_history_ends_and_every_step_of_it_is_legal(
    store: Store, tasks: list[TaskModel], steps: list[Step]
) -> None:
    run = LiveRun(store, f"d{next(NUMBERS)}", tasks)
    for step in steps:
        if run.ended:
            break
        act(run, step, by_hand=False)
    bring_to_an_end(run)
    check_states(run, tasks)
    check_events(run)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks=task_sets(most=6), fail_fast=st.booleans(), cancelled=st.booleans(), steps=STEPS)
def test_what_people_change_by_hand_ends_legally_as_well(
    store: Store, tasks: list[TaskModel], fail_fast: bool, cancelled: bool, steps: list[Step]
) -> None:
    run = LiveRun(store, f"d{next(NUMBERS)}", tasks, fail_fast=fail_fast)
    for step in steps:
        act(run, step, by_hand=bool(tasks))
    if cancelled and not run.ended:
        run.cancel()
    bring_to_an_end(run)
    assert {row.state for row in run.instances().values()} <= TASK_INSTANCE_FINAL
    check_events(run)


def check_states(run: LiveRun, tasks: list[TaskModel]) -> None:
    """Each task ran, or did not, as its rule says once everything else is known; and that is how the run ended."""
    rows = run.instances()
    model = RunModel(tasks)
    for task_id, row in rows.items():
        skips = tuple(row.skips or ())
        model.rows[task_id].fact = replace(model.rows[task_id].fact, state=row.state, skips=skips)
    model.run, model.may_start = DagRunState.RUNNING, True
    expected = Reference(model).outlook()
    assert set(expected.states.values()) <= TASK_INSTANCE_FINAL
    assert run.read(lambda tx: runs.get_run(tx, run.dag_id, "r")).state is expected.run
    for task in tasks:
        row, fact = rows[task.task_id], model.rows[task.task_id].fact
        model.rows[task.task_id].fact = replace(fact, state=TaskInstanceState.NONE)
        judged = Reference(model).outlook().states[task.task_id]
        model.rows[task.task_id].fact = fact
        if row.try_number:
            assert judged is TaskInstanceState.SCHEDULED or task.task_id in declared_needless(rows.values())
            assert row.failures <= task.retries + 1
        else:
            assert row.reason is not None
            # Which of the two depends on which upstream task ended first.
            assert {row.state, judged} <= {TaskInstanceState.SKIPPED, TaskInstanceState.UPSTREAM_FAILED}


def declared_needless(rows: Iterable[InstanceRow]) -> set[str]:
    """Tasks that others declared not needed, perhaps when they had begun."""
    return {name for row in rows for name in row.skips or ()}


def check_events(run: LiveRun) -> None:
    """The events of each machine are one unbroken chain of rows of its table."""
    now: dict[int | None, str] = {}
    for event in run.events():
        if event.machine == "task_instance":
            before = now.get(event.instance_pk, TaskInstanceState.NONE.value)
            key = (TaskInstanceState(before), TaskInstanceEvent(event.event))
            assert TASK_INSTANCE_TRANSITIONS[key].value == event.to_state
        elif event.from_state is not None:
            before = now.get(None, DagRunState.QUEUED.value)
            assert DAG_RUN_TRANSITIONS[DagRunState(before), DagRunEvent(event.event)].value == event.to_state
        else:
            before = event.to_state
        assert event.from_state in (None, before)
        now[event.instance_pk] = event.to_state
    assert now.pop(None) == run.read(lambda tx: runs.get_run(tx, run.dag_id, "r")).state.value
    assert now == {row.pk: row.state.value for row in run.instances().values()}

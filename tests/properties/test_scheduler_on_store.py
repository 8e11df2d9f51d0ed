"""The scheduler's passes on a real store, under random histories with lost transactions and changes of the leader."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.properties.live_run import NOT_MET, LiveRun, outcome_of
from tests.properties.run_model import TaskModel
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
from tradewind.server.domain.graph import Graph
from tradewind.server.secrets.cipher import Cipher
from tradewind.server.store import Store, StoreOptions, runs

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


def act(run: LiveRun, data: st.DataObject) -> None:
    """Something happens to the run."""
    live = sorted(run.dispatches)
    choices = ["decide", "decide", "decide in vain", "change leader", "claim", "claim"]
    choices += ["start", "succeed", "succeed", "fail", "fail for good", "skip", "lose"] if live else []
    match data.draw(st.sampled_from(choices), label="action"):
        case "decide":
            run.decide()
        case "decide in vain":
            run.decide_in_vain()
        case "change leader":
            run.change_leader()
        case "claim":
            run.claim()
        case "start":
            run.start(data.draw(st.sampled_from(live)))
        case "lose":
            run.lose(data.draw(st.sampled_from(live)))
        case outcome:
            run.finish(data.draw(st.sampled_from(live)), outcome_of(outcome))


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


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks=task_sets(most=6), data=st.data())
def test_every_history_ends_and_every_step_of_it_is_legal(
    store: Store, tasks: list[TaskModel], data: st.DataObject
) -> None:
    run = LiveRun(store, f"d{next(NUMBERS)}", tasks)
    for _ in range(data.draw(st.integers(0, 40), label="actions")):
        if run.ended:
            break
        act(run, data)
    bring_to_an_end(run)
    check_states(run, tasks)
    check_events(run)


def check_states(run: LiveRun, tasks: list[TaskModel]) -> None:
    """Everything is final, and what did not run has its reason upstream."""
    rows = run.instances()
    states = {task_id: row.state for task_id, row in rows.items()}
    assert set(states.values()) <= TASK_INSTANCE_FINAL
    for task in tasks:
        upstream = {states[source] for source in task.upstream}
        row = rows[task.task_id]
        if row.try_number:
            assert upstream <= {TaskInstanceState.SUCCESS}
        elif row.state is TaskInstanceState.UPSTREAM_FAILED:
            assert upstream & NOT_MET
        else:
            assert row.state is TaskInstanceState.SKIPPED
            assert TaskInstanceState.SKIPPED in upstream
        assert row.failures <= task.retries + 1
    graph = Graph({task.task_id: task.upstream for task in tasks})
    leaves = {states[graph.task_ids[number]] for number in graph.leaves}
    expected = DagRunState.FAILED if leaves & NOT_MET else DagRunState.SUCCESS
    assert run.read(lambda tx: runs.get_run(tx, run.dag_id, "r")).state is expected


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

"""Clearing, marking and cancelling at any moment: no task runs twice at once, and every run comes to an end."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.properties.live_run import LiveRun, outcome_of
from tests.properties.run_model import TaskModel
from tests.properties.strategies import task_sets
from tests.properties.worker_model import WorkerModel
from tradewind.server.contract import (
    DAG_RUN_TRANSITIONS,
    TASK_INSTANCE_FINAL,
    TASK_INSTANCE_TRANSITIONS,
    DagRunEvent,
    DagRunState,
    ProblemReason,
    TaskInstanceEvent,
    TaskInstanceState,
)
from tradewind.server.domain.refusals import Refused
from tradewind.server.secrets.cipher import Cipher
from tradewind.server.store import Store, StoreOptions, Transaction, migrate, runs
from tradewind.server.store.runs import Clearing, Marking
from tradewind.server.store.runs.mark import RunMark, TaskMark

LONGEST_HISTORY = 200
NUMBERS = count()
CHANGES = ["clear"] * 6 + ["mark"] * 2 + ["clear run", "mark run", "cancel"]
OUTCOMES = st.sampled_from(["succeed", "succeed", "fail", "skip"])
MARKS: tuple[TaskMark, ...] = (TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SKIPPED)
ENDS: tuple[RunMark, ...] = (DagRunState.SUCCESS, DagRunState.FAILED)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, to be copied: what one history leaves must not change another one."""
    path = tmp_path_factory.mktemp("store") / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@contextmanager
def copied(template: Path) -> Iterator[Store]:
    """A store of its own."""
    number = next(NUMBERS)
    path = template.with_name(f"{number}.db")
    shutil.copyfile(template, path)
    cipher = Cipher.open(template.with_name("secret.key"))
    with Store.open(f"sqlite:///{path}", cipher=cipher, options=StoreOptions(max_lost_tries=3)) as opened:
        yield opened


def change(run: LiveRun, data: st.DataObject) -> None:
    """Somebody changes something; a refusal is an answer."""
    tasks = sorted(run.instances())
    task_id = data.draw(st.sampled_from(tasks), label="task")
    above, below = data.draw(st.booleans()), data.draw(st.booleans())
    what = data.draw(st.sampled_from(CHANGES), label="change")

    def job(tx: Transaction) -> None:
        match what:
            case "clear":
                chosen = dict.fromkeys([task_id])
                clearing = Clearing(dag_id=run.dag_id, run_id="r", tasks=chosen, upstream=above, downstream=below)
                assert runs.clearable(tx, clearing) == runs.clear(tx, clearing, user="me")
            case "clear run":
                runs.clear(tx, Clearing(dag_id=run.dag_id, run_id="r", whole_run=True), user="me")
            case "mark":
                marking = Marking(
                    dag_id=run.dag_id, run_id="r", task_id=task_id, state=mark, upstream=above, downstream=below
                )
                runs.mark_instances(tx, marking, user="me")
            case "mark run":
                runs.mark_run(tx, run.dag_id, "r", end, user="me")
            case _:
                runs.cancel_run(tx, run.dag_id, "r", user="me")

    mark = data.draw(st.sampled_from(MARKS))
    end = data.draw(st.sampled_from(ENDS))
    try:
        run.write(job)
    except Refused as refused:
        assert refused.reason is ProblemReason.CONFLICT  # noqa: PT017 - it is an answer, not the expected one


def bring_forward(run: LiveRun, worker: WorkerModel) -> None:
    """Whatever may run gets a process."""
    run.decide()
    worker.claim()
    for dispatch_id in sorted(worker.inbox):
        worker.receive(dispatch_id)


def act(run: LiveRun, worker: WorkerModel, data: st.DataObject) -> None:
    """Something happens."""
    always: dict[str, Callable[[], object]] = {
        "decide": run.decide,
        "claim": worker.claim,
        "forward": lambda: bring_forward(run, worker),
        "change": lambda: change(run, data),
        "hear": worker.hear_cancels,
        "reconnect": worker.connect,
        "restart": worker.restart,
    }
    of_dispatches: dict[str, tuple[Iterable[str], Callable[[str], object]]] = {
        "receive": (worker.inbox, worker.receive),
        "start": (worker.processes, worker.start),
        "end": (worker.processes, lambda one: worker.end(one, outcome_of(data.draw(OUTCOMES)))),
        "report": (worker.spool, worker.report),
        "report in vain": (worker.spool, worker.report_in_vain),
    }
    possible = [name for name, (some, _) in of_dispatches.items() if list(some)]
    # What brings tries forward is more likely than what cuts them off.
    often = ["forward", "forward", "change"] * 3
    name = data.draw(st.sampled_from([*always, *often, *possible * 3]), label="action")
    if name in always:
        always[name]()
    else:
        some, do = of_dispatches[name]
        do(data.draw(st.sampled_from(sorted(some)), label="dispatch"))


def bring_to_an_end(run: LiveRun, worker: WorkerModel) -> None:
    """Nobody changes anything, and nothing goes wrong any more."""
    for _ in range(LONGEST_HISTORY):
        worker.hear_cancels()
        bring_forward(run, worker)
        for dispatch_id in sorted(worker.processes):
            worker.end(dispatch_id, outcome_of("succeed"))
        for dispatch_id in sorted(worker.spool):
            worker.report(dispatch_id)
        if run.ended and not any(row.stopping_dispatch_id for row in run.instances().values()):
            return
    pytest.fail("the run does not end")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks=task_sets(most=4).filter(bool), data=st.data())
def test_changes_by_hand_race_with_tries_and_never_lose(
    template: Path, tasks: list[TaskModel], data: st.DataObject
) -> None:
    with copied(template) as store:
        run = LiveRun(store, "d", [replace(task, retry_delay_seconds=0.0) for task in tasks])
        worker = WorkerModel(run)
        for _ in range(data.draw(st.integers(20, 80), label="actions")):
            act(run, worker, data)
        bring_to_an_end(run, worker)
        assert {row.state for row in run.instances().values()} <= TASK_INSTANCE_FINAL
        check_events(run)


def check_events(run: LiveRun) -> None:
    """The events of each machine are one unbroken chain of rows of its table."""
    now: dict[int | None, str] = {}
    for event in run.events():
        if event.machine == "task_instance":
            before = now.get(event.instance_pk, TaskInstanceState.NONE.value)
            following = TASK_INSTANCE_TRANSITIONS[TaskInstanceState(before), TaskInstanceEvent(event.event)].value
        elif event.from_state is None:
            before, following = event.to_state, event.to_state
        else:
            before = now.get(None, DagRunState.QUEUED.value)
            following = DAG_RUN_TRANSITIONS[DagRunState(before), DagRunEvent(event.event)].value
        assert (event.from_state or before, event.to_state) == (before, following)
        now[event.instance_pk] = event.to_state
    assert now.pop(None) == run.read(lambda tx: runs.get_run(tx, run.dag_id, "r")).state.value
    states: dict[int | None, str] = {row.pk: row.state.value for row in run.instances().values()}
    assert {pk: states.get(pk) for pk in now} == now

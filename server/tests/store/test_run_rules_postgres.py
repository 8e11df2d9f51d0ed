"""Ending runs while others write: neither waits for the other for ever."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tradewind.server.contract import DagRunState
from tradewind.server.scheduler.run_pass import PassResult, RunMemory, RunPass
from tradewind.server.store import Store, Transaction, dispatches, runs
from tradewind.server.store.handouts import Report

from .world import OpenStore, World, succeeded, task

MakeWorld = Callable[[Store], World]


@pytest.fixture
def worlds(postgres_url: str, open_store: OpenStore, world_of: MakeWorld) -> tuple[World, World]:
    """Two processes, as far as the database can tell."""
    return world_of(open_store(postgres_url)), world_of(open_store(postgres_url))


def test_a_try_that_is_just_being_reported_on_is_not_stopped(worlds: tuple[World, World]) -> None:
    worker, leader = worlds
    (handout,) = worker.hand_out(task("t"), task("after", "t"))
    leader.write(lambda tx: runs.cancel_run(tx, "d", "r", user="u"))
    epoch = leader.lead()
    held, go_on = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> object:
        dispatches.held.hold(tx, [handout.dispatch_id])
        held.set()
        assert go_on.wait(30)
        return dispatches.record_reports(tx, [Report(handout.dispatch_id, succeeded())])[0]

    def one_pass(tx: Transaction) -> PassResult:
        return RunPass(RunMemory(), tx, epoch).run()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(worker.write, slow)
        assert held.wait(30)
        result = leader.write(one_pass)
        go_on.set()
        waiting.result()
    assert (len(result.refused), result.moves) == (1, 0)
    leader.schedule()
    assert leader.states() == {"t": "success", "after": "skipped"}
    assert leader.run_row().state is DagRunState.FAILED

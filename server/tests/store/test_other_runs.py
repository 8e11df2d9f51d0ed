"""What tasks find of other runs: XComs by name or of the newest run before, and the run before the own one."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tradewind.server.contract import DagRunState, ProblemReason, Variable
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import Transaction, dispatches, receipts, runs, secrets, xcoms
from tradewind.server.store.identity import uuid7
from tradewind.server.store.xcoms import WantedXCom

from .world import World, dag, task


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


def begun(world: World, run_id: str, *, leaves: Any = None, **run: Any) -> str:
    """A run of the DAG `d` whose task is handed out and has left an XCom, if it is to; its dispatch."""
    world.trigger("d", run_id=run_id, **run)
    world.schedule()
    (handout,) = world.claim()
    if leaves is not None:
        world.write(lambda tx: xcoms.set_xcom(tx, handout.dispatch_id, "k", leaves, uuid7()))
    return handout.dispatch_id


def find(world: World, dispatch_id: str, **wanted: Any) -> Any:
    def query(tx: Transaction) -> Any:
        dispatch = dispatches.live_dispatch(tx, dispatch_id)
        return xcoms.find_xcom(tx, dispatch, WantedXCom(**{"dag_id": "d", "task_id": "t", "key": "k", **wanted})).value

    return world.read(query)


def missing(world: World, dispatch_id: str, **wanted: Any) -> str | None:
    with pytest.raises(Refused) as refused:
        find(world, dispatch_id, **wanted)
    assert refused.value.reason is ProblemReason.NOT_FOUND
    return refused.value.field


def previous(world: World, run_id: str, state: DagRunState | None = None) -> str | None:
    def query(tx: Transaction) -> str | None:
        found = runs.previous_run(tx, runs.get_run(tx, "d", run_id).pk, state=state)
        return None if found is None else found.run_id

    return world.read(query)


@pytest.fixture
def dated(world: World) -> World:
    """Runs about the 2nd, 4th and 6th day, the last of them made first."""
    world.declare(dag("d", task("t"), max_active_runs=16))
    for number in (6, 2, 4):
        begun(world, f"of_{number}", leaves=number, logical_date=day(number))
    return world


def test_an_xcom_of_a_named_run_is_found(dated: World) -> None:
    asking = begun(dated, "of_5", logical_date=day(5))
    assert find(dated, asking, run_id="of_6") == 6
    assert missing(dated, asking) == "key", "the own run has none"
    for wrong in ({"run_id": "none"}, {"dag_id": "none"}, {"task_id": "none"}, {"key": "x"}, {"map_index": 0}):
        assert missing(dated, asking, **{"run_id": "of_6", **wrong}) == "key"
    assert missing(dated, asking, key="nul\0", run_id="of_6") == "key"


def test_the_newest_until_a_run_is_found(dated: World) -> None:
    asking = begun(dated, "of_5", logical_date=day(5))
    assert find(dated, asking, include_prior_dates=True) == 4
    assert find(dated, asking, include_prior_dates=True, run_id="of_2") == 2
    assert missing(dated, asking, include_prior_dates=True, run_id="none") == "run_id"
    first = begun(dated, "of_1", logical_date=day(1))
    assert missing(dated, first, include_prior_dates=True) == "key"


def test_a_run_without_a_date_stands_where_it_may_start(dated: World) -> None:
    begun(dated, "undated", leaves="undated")
    asking = begun(dated, "later")
    assert find(dated, asking, include_prior_dates=True) == "undated"
    begun(dated, "future", leaves="future", logical_date=datetime(2126, 1, 1, tzinfo=UTC))
    assert find(dated, asking, include_prior_dates=True) == "undated"


def test_the_run_before_is_the_one_of_the_date_before(dated: World) -> None:
    begun(dated, "undated")
    assert (previous(dated, "of_6"), previous(dated, "of_4"), previous(dated, "of_2")) == ("of_4", "of_2", None)
    assert previous(dated, "of_6", DagRunState.SUCCESS) is None
    assert previous(dated, "of_6", DagRunState.RUNNING) == "of_4"


def test_runs_without_a_date_come_one_after_the_other(dated: World) -> None:
    for name in ("first", "second", "third"):
        begun(dated, name)
    assert [previous(dated, name) for name in ("first", "second", "third")] == [None, "first", "second"]


def test_a_run_is_known_by_its_name_or_its_date(dated: World) -> None:
    def like(**given: Any) -> str | None:
        return dated.read(lambda tx: runs.run_like(tx, "d", **{"run_id": None, "logical_date": None, **given}))

    assert (like(run_id="of_2"), like(logical_date=day(4)), like(run_id="new", logical_date=day(6))) == (
        "of_2",
        "of_4",
        "of_6",
    )
    assert (like(), like(run_id="new"), like(logical_date=day(1))) == (None, None, None)


def test_keys_of_variables_begin_with_their_prefix_in_the_same_case(world: World) -> None:
    def put(tx: Transaction) -> None:
        for key in ("ü", "b", "a_b", "a%c", "A", "a"):
            secrets.put_variable(tx, Variable(key=key, value="x"))

    world.write(put)

    def keys(prefix: str) -> list[str]:
        return world.read(lambda tx: secrets.variable_keys(tx, prefix))

    assert keys("") == ["A", "a", "a%c", "a_b", "b", "ü"]
    assert (keys("a"), keys("a_"), keys("%"), keys("\0")) == (["a", "a%c", "a_b"], ["a_b"], [], [])


def test_something_is_done_once_for_an_operation(world: World) -> None:
    handout = world.hand_out_one()
    op_id = uuid7()
    done: list[int] = []

    def do() -> Any:
        done.append(1)
        return {"times": len(done)}

    for _ in range(2):
        answer = world.write(lambda tx: receipts.once(tx, handout.dispatch_id, op_id, do))
        assert answer == {"times": 1}
    assert len(done) == 1

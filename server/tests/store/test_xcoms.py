"""XComs: written by a live dispatch, read within its run."""

import pytest

from tradewind.server.contract import ProblemReason
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import Transaction, dags, dispatches, xcoms
from tradewind.server.store.identity import uuid7

from .world import BUNDLE, World, succeeded, task


def put(world: World, dispatch_id: str, value: object, *, key: str = "k", op_id: str | None = None) -> None:
    world.write(lambda tx: xcoms.set_xcom(tx, dispatch_id, key, value, op_id or uuid7()))


def get(world: World, dispatch_id: str, task_id: str, key: str = "k", map_index: int | None = None) -> object:
    def query(tx: Transaction) -> object:
        dispatch = dispatches.live_dispatch(tx, dispatch_id)
        return xcoms.get_xcom(tx, dispatch, task_id, key, map_index).value

    return world.read(query)


@pytest.mark.parametrize("value", [None, 0, "ä\0\n", [1, {"x": 1.5}], {"nested": [None]}, 2**60])
def test_what_is_put_is_got(world: World, value: object) -> None:
    handout = world.hand_out_one()
    put(world, handout.dispatch_id, value)
    assert get(world, handout.dispatch_id, "t") == value
    assert get(world, handout.dispatch_id, "t", map_index=-1) == value


def test_tasks_of_the_same_run_see_each_others_values_and_no_others(world: World) -> None:
    first, second = world.hand_out(task("a"), task("b"))
    put(world, first.dispatch_id, 1)
    assert get(world, second.dispatch_id, "a") == 1
    world.trigger("d", run_id="other")
    world.schedule()
    others = world.claim()
    for task_id, key in (("a", "k"), ("b", "k"), ("a", "x"), ("a", "nul\0")):
        with pytest.raises(Refused) as refused:
            get(world, others[0].dispatch_id, task_id, key)
        assert refused.value.reason is ProblemReason.NOT_FOUND


def test_a_repeated_operation_does_nothing_again(world: World) -> None:
    handout = world.hand_out_one()
    op_id = uuid7()
    put(world, handout.dispatch_id, 1, op_id=op_id)
    put(world, handout.dispatch_id, 2)
    put(world, handout.dispatch_id, 1, op_id=op_id)
    assert get(world, handout.dispatch_id, "t") == 2


def test_the_same_op_id_of_another_dispatch_is_another_operation(world: World) -> None:
    first, second = world.hand_out(task("a"), task("b"))
    op_id = uuid7()
    put(world, first.dispatch_id, 1, op_id=op_id)
    put(world, second.dispatch_id, 2, op_id=op_id)
    assert (get(world, first.dispatch_id, "a"), get(world, first.dispatch_id, "b")) == (1, 2)


def test_an_ended_dispatch_writes_nothing(world: World) -> None:
    handout = world.hand_out_one()
    world.report(handout.dispatch_id, succeeded())
    with pytest.raises(Refused) as refused:
        put(world, handout.dispatch_id, 1)
    assert refused.value.reason is ProblemReason.DISPATCH_ENDED
    with pytest.raises(Refused) as unknown:
        put(world, uuid7(), 1)
    assert unknown.value.reason is ProblemReason.UNKNOWN_DISPATCH


def test_a_parse_has_no_xcoms(world: World) -> None:
    snapshot = world.publish(f=b"")
    world.write(lambda tx: dags.request_parse(tx, BUNDLE, snapshot, "f.py", 30))
    handout = world.claim_parse()
    with pytest.raises(Refused) as refused:
        put(world, handout.dispatch_id, 1)
    assert refused.value.reason is ProblemReason.NOT_ALLOWED


def test_a_key_that_cannot_be_stored_is_refused(world: World) -> None:
    handout = world.hand_out_one()
    with pytest.raises(Refused) as refused:
        put(world, handout.dispatch_id, 1, key="nul\0")
    assert refused.value.reason is ProblemReason.INVALID_VALUE

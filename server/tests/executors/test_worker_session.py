import asyncio

import pytest

from tradewind.server.contract import ActivityKind, Cancel, Deliver
from tradewind.server.executors.protocol import NotAccepted, SessionDelivery
from tradewind.server.executors.worker_session import WorkerSessionExecutor

from .conftest import RecordingHost, RecordingSession, delivery

PARSE = ActivityKind.PARSE_DAG_FILE
TASK = ActivityKind.EXECUTE_TASK
D1, D2, D7 = (f"00000000-0000-0000-0000-00000000000{number}" for number in (1, 2, 7))


class Connected:
    """An executor with one session that has two places for tasks and one for parses."""

    def __init__(self) -> None:
        self.executor = WorkerSessionExecutor()
        self.host = RecordingHost()
        self.executor.attach(self.host)
        self.session = RecordingSession()
        self.executor.connect(self.session, {"execute_task": 2, "parse_dag_file": 1}, {})

    def deliver(self, dispatch_id: str, kind: ActivityKind = TASK, session: RecordingSession | None = None) -> None:
        to = (session or self.session).identity.session_id
        context = SessionDelivery(to, delivery(dispatch_id))
        asyncio.run(self.executor.queue_activity(kind=kind, context=context))

    def free(self, kind: ActivityKind = TASK) -> int:
        return sum(offer.free for offer in self.executor.capacity() if offer.kind is kind)


@pytest.fixture
def connected() -> Connected:
    return Connected()


def test_a_delivery_is_pushed_over_the_session_that_it_was_claimed_for(connected: Connected) -> None:
    other = RecordingSession()
    connected.executor.connect(other, {"execute_task": 1}, {})
    connected.deliver(D1)
    assert [type(frame) for frame in connected.session.sent] == [Deliver]
    assert other.sent == []


def test_what_was_claimed_for_an_older_connection_is_not_pushed_over_a_newer_one(connected: Connected) -> None:
    identity = connected.session.identity
    earlier = SessionDelivery(identity.session_id, delivery(D1), identity.connection_epoch - 1)
    with pytest.raises(NotAccepted, match="newer connection"):
        asyncio.run(connected.executor.queue_activity(kind=TASK, context=earlier))
    same = SessionDelivery(identity.session_id, delivery(D2), identity.connection_epoch)
    asyncio.run(connected.executor.queue_activity(kind=TASK, context=same))
    assert len(connected.session.sent) == 1


def test_places_are_counted_per_kind(connected: Connected) -> None:
    connected.deliver(D1, PARSE)
    assert (connected.free(PARSE), connected.free(TASK)) == (0, 2)


def test_what_is_pushed_before_the_end_of_another_was_heard_leaves_less_than_no_place(connected: Connected) -> None:
    for dispatch_id in (D1, D2, D7):
        connected.deliver(dispatch_id)
    assert (connected.free(), connected.executor.held()) == (-1, 3)
    connected.executor.ended([D1])
    assert (connected.free(), connected.executor.held()) == (0, 2)


def test_an_offer_names_session_worker_and_queues(connected: Connected) -> None:
    offer = connected.executor.capacity()[0]
    assert offer.session == connected.session.identity
    assert (offer.worker, offer.queues) == ("w", frozenset({"default"}))


def test_dispatches_that_a_worker_brings_along_take_their_places(connected: Connected) -> None:
    newcomer = RecordingSession()
    connected.executor.connect(newcomer, {"execute_task": 2}, {D7: TASK})
    offers = {offer.session: offer.free for offer in connected.executor.capacity() if offer.kind is TASK}
    assert offers[newcomer.identity] == 1
    assert connected.executor.known() == {D7}


def test_a_session_that_is_not_connected_takes_nothing(connected: Connected) -> None:
    with pytest.raises(NotAccepted, match="not connected"):
        connected.deliver(D1, session=RecordingSession())


def test_a_session_that_closes_takes_nothing(connected: Connected) -> None:
    connected.session.closed = True
    with pytest.raises(NotAccepted, match="connection lost"):
        connected.deliver(D1)
    assert connected.executor.known() == set()


def test_a_new_connection_of_a_session_replaces_the_old_one(connected: Connected) -> None:
    connected.deliver(D1)
    newer = RecordingSession(identity=connected.session.identity)
    connected.executor.connect(newer, {"execute_task": 2}, {D1: TASK})
    connected.executor.disconnect(connected.session)
    assert connected.executor.is_connected(newer.identity.session_id)
    connected.deliver(D2, session=newer)
    assert [type(frame) for frame in newer.sent] == [Deliver]


def test_a_disconnected_session_offers_nothing(connected: Connected) -> None:
    connected.deliver(D1)
    connected.executor.disconnect(connected.session)
    assert connected.executor.capacity() == []
    assert connected.executor.known() == set()


def test_an_offer_of_zero_stops_deliveries(connected: Connected) -> None:
    connected.executor.offer(connected.session, {})
    assert connected.executor.capacity() == []


def test_an_offer_of_an_older_connection_changes_nothing(connected: Connected) -> None:
    old = connected.session
    newer = RecordingSession(identity=old.identity)
    connected.executor.connect(newer, {"execute_task": 2}, {})
    connected.executor.offer(old, {})
    assert connected.free() == 2


def test_a_place_is_free_again_when_two_signs_of_life_do_not_name_the_dispatch(connected: Connected) -> None:
    connected.deliver(D1)
    session_id = connected.session.identity.session_id
    connected.executor.renewed(session_id, [])
    assert connected.free() == 1
    connected.executor.renewed(session_id, [])
    assert connected.free() == 2


def test_a_sign_of_life_that_names_the_dispatch_starts_the_count_again(connected: Connected) -> None:
    connected.deliver(D1)
    session_id = connected.session.identity.session_id
    for named in ([], [D1], []):
        connected.executor.renewed(session_id, named)
    assert connected.free() == 1


def test_cancel_reaches_the_worker_that_has_the_dispatch(connected: Connected) -> None:
    connected.deliver(D1)
    asyncio.run(connected.executor.cancel(D1, "its worker was silent"))
    assert connected.session.sent[-1] == Cancel(dispatch_id=D1, message="its worker was silent")


def test_cancel_over_a_closed_connection_is_left_to_the_next_hello(connected: Connected) -> None:
    connected.deliver(D1)
    connected.session.closed = True
    asyncio.run(connected.executor.cancel(D1, "its worker was silent"))
    assert connected.executor.known() == {D1}

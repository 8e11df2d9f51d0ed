from dataclasses import dataclass, field
from typing import Literal
from uuid import uuid4

import pytest

from tradewind.server.contract import ActivityKind, CodeReference, ParseDagFile
from tradewind.server.dispatcher.room import Room, without
from tradewind.server.executors.protocol import Context, ExecutorHost, Offer
from tradewind.server.store.handouts import ClaimRequest, FreedPlace, Handout, WorkerBinding

from .conftest import NOW

PARSE, TASK = ActivityKind.PARSE_DAG_FILE, ActivityKind.EXECUTE_TASK


@dataclass
class Places:
    """An executor whose capacity a test says."""

    name: str = "x"
    delivers: Literal["session", "ticket"] = "session"
    offers: list[Offer] = field(default_factory=list)
    held: set[str] = field(default_factory=set)

    def attach(self, host: ExecutorHost) -> None:
        return

    async def queue_activity(self, *, kind: ActivityKind, context: Context) -> None:
        return

    async def cancel(self, dispatch_id: str, message: str) -> None:
        return

    def capacity(self) -> list[Offer]:
        return self.offers

    def known(self) -> set[str]:
        return self.held

    def holds(self, dispatch_id: str) -> bool:
        return dispatch_id in self.held

    async def close(self) -> None:
        return


def binding(session_id: str = "s", epoch: int = 1) -> WorkerBinding:
    return WorkerBinding(session_id=session_id, credential_id="c", instance_id="i", connection_epoch=epoch, worker="w")


def offer(free: int, *, kind: ActivityKind = PARSE, queues: frozenset[str] | None = frozenset({"default"})) -> Offer:
    return Offer("w", binding(), kind, queues, free)


def handout(worker: WorkerBinding | None) -> Handout:
    code = CodeReference(bundle="dags", snapshot="0" * 64, file="a.py")
    return Handout(
        dispatch_id=str(uuid4()),
        activity=ParseDagFile(parse_id=str(uuid4()), code=code, timeout_seconds=30.0),
        executor="x",
        queue=None,
        worker=worker,
        dag_version_pk=None,
        takeover_after_seconds=300.0,
        claimed_at=NOW,
    )


def room_of(*executors: Places) -> Room:
    room = Room(executors)
    room.look()
    return room


def test_room_is_asked_for_by_kind() -> None:
    room = room_of(Places(offers=[offer(3), offer(2, kind=TASK), offer(0, kind=TASK)]))
    assert [(request.kind, request.limit) for request in room.requests(TASK)] == [(TASK, 2)]
    assert room.requests(PARSE)[0].worker == binding()


@pytest.mark.parametrize(("kind", "asked"), [(TASK, 0), (PARSE, 1)])
def test_a_session_without_queues_takes_parses_and_no_tasks(kind: ActivityKind, asked: int) -> None:
    room = room_of(Places(offers=[offer(1, kind=kind, queues=frozenset())]))
    assert len(room.requests(kind)) == asked


def test_more_room_brings_nothing_where_the_line_is_empty() -> None:
    room = room_of(Places(offers=[offer(2)]))
    assert room.has_unasked()
    room.claimed(room.requests(PARSE), [handout(binding())])
    assert not room.has_unasked()
    room.something_is_ready(TASK)
    assert not room.has_unasked(), "tasks are no parses"
    room.something_is_ready(PARSE)
    assert room.has_unasked()


def test_what_is_claimed_takes_a_place_before_its_executor_knows_and_once() -> None:
    places = Places(offers=[offer(2)])
    room = room_of(places)
    given = [handout(binding()), handout(binding())]
    room.claimed(room.requests(PARSE), given)
    assert not room.has_unasked()
    places.offers = [offer(1)]
    room.look([given[0].dispatch_id])
    assert not room.has_unasked(), "the other one is still on its way"
    places.offers = [offer(0)]
    room.look([given[1].dispatch_id])
    assert not room.has_unasked()
    places.offers = [offer(1)]
    room.look()
    assert room.has_unasked()


def test_a_place_that_a_transaction_frees_is_there_for_its_claim_and_counts_once() -> None:
    places = Places(offers=[offer(0)], held={"ended"})
    room = room_of(places)
    freed = [FreedPlace("ended", "x", PARSE, "s")]
    assert [request.limit for request in room.requests(PARSE, freed)] == [1]
    assert room.requests(PARSE) == []
    room.claimed([], [], freed=freed)
    assert [request.limit for request in room.requests(PARSE)] == [1]
    assert [request.limit for request in room.requests(PARSE, freed)] == [1]
    places.held, places.offers = set(), [offer(1)]
    room.look()
    assert [request.limit for request in room.requests(PARSE, freed)] == [1]


def test_a_place_that_was_given_away_again_before_its_end_was_heard_is_not_free() -> None:
    places = Places(offers=[offer(0)], held={"first", "second"})
    room = room_of(places)
    freed = [FreedPlace(name, "x", PARSE, "s") for name in ("first", "second")]
    following = [handout(binding()), handout(binding())]
    room.claimed([], following, freed=freed)
    # The executor takes over what follows, and hears of the ends after that, one by one.
    places.held |= {one.dispatch_id for one in following}
    places.offers = [offer(-2)]
    room.look([one.dispatch_id for one in following])
    for over in ("first", "second"):
        assert not room.has_unasked()
        places.held.discard(over)
        places.offers = [offer(places.offers[0].free + 1)]
        room.look()
    assert not room.has_unasked()


def test_a_place_counts_while_the_picture_does_not_show_yet_that_it_is_free() -> None:
    places = Places(offers=[offer(0)], held={"ended"})
    room = room_of(places)
    room.claimed([], [], freed=[FreedPlace("ended", "x", PARSE, "s")])
    places.held = set()
    assert [request.limit for request in room.requests(PARSE)] == [1]


@pytest.mark.parametrize(
    "freed",
    [
        FreedPlace("ended", "x", PARSE, "another session"),
        FreedPlace("ended", "x", TASK, "s"),
        FreedPlace("unknown here", "x", PARSE, "s"),
        FreedPlace("ended", "another executor", PARSE, "s"),
    ],
)
def test_a_place_that_is_freed_elsewhere_is_none_here(freed: FreedPlace) -> None:
    room = room_of(Places(offers=[offer(0)], held={"ended"}))
    assert room.requests(PARSE, [freed]) == []


def test_another_connection_or_other_queues_are_another_line() -> None:
    places = Places(offers=[offer(1)])
    room = room_of(places)
    room.claimed(room.requests(PARSE), [])
    assert not room.has_unasked()
    places.offers = [Offer("w", binding(epoch=2), PARSE, frozenset({"default"}), 1)]
    room.look()
    assert room.has_unasked()
    room.claimed(room.requests(PARSE), [])
    places.offers = [Offer("w", binding(epoch=2), PARSE, frozenset({"default", "gpu"}), 1)]
    room.look()
    assert room.has_unasked()


def test_nothing_is_asked_for_an_executor_that_is_shut() -> None:
    room = room_of(Places(offers=[offer(1)]))
    room.shut("x")
    assert (room.requests(PARSE), room.has_unasked()) == ([], False)
    room.open("x")
    assert room.has_unasked()


def test_places_given_to_parses_are_gone_for_the_tasks_of_a_broker_alone() -> None:
    broker = ClaimRequest(kind=TASK, executor="x", limit=2)
    session = ClaimRequest(kind=TASK, executor="x", limit=2, worker=binding())
    assert [request.limit for request in without([broker, session], [handout(None)])] == [1, 2]
    assert without([broker], [handout(None), handout(None)]) == []


def test_what_a_limit_held_back_is_worth_a_claim_once_something_has_ended() -> None:
    room = room_of(Places(offers=[offer(2, kind=TASK)]))
    room.begin()
    room.claimed(room.requests(TASK), [], held_back=True)
    assert not room.has_unasked()
    room.something_ended()
    assert room.has_unasked()


def test_what_ends_during_a_claim_counts_as_ended_after_it() -> None:
    room = room_of(Places(offers=[offer(2, kind=TASK)]))
    room.begin()
    asked = room.requests(TASK)
    room.something_ended()
    room.claimed(asked, [], held_back=True)
    assert room.has_unasked()
    room.begin()
    room.claimed(room.requests(TASK), [])
    room.something_ended()
    assert not room.has_unasked()

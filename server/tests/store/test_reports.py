"""Reports of workers: each counts once, and only while its dispatch is current."""

import pytest

from tradewind.server.contract import (
    ActivityKind,
    InterruptCause,
    Outcome,
    OutcomeReceipt,
    ProblemReason,
    Started,
    TaskSkipped,
    to_plain,
)
from tradewind.server.domain.refusals import Refused
from tradewind.server.domain.versions import digest_of
from tradewind.server.store import Transaction, dags, dispatches, runs, xcoms
from tradewind.server.store.handouts import LossCause, Report

from .world import BUNDLE, World, dag, failed, interrupted, parsed, started, succeeded, task


def refusal(world: World, dispatch_id: str, body: Started | Outcome) -> ProblemReason:
    with pytest.raises(Refused) as refused:
        world.report(dispatch_id, body)
    return refused.value.reason


def test_a_success_leaves_its_xcoms_in_the_same_transaction(world: World) -> None:
    handout = world.hand_out_one()
    world.report(handout.dispatch_id, started())
    assert world.states() == {"t": "running"}
    outcome = succeeded(return_value={"ä\0": [1.5, None]}, empty=None, nested=[[1], []])
    receipt = world.report(handout.dispatch_id, outcome)
    assert receipt is not None
    assert (receipt.dispatch_id, receipt.digest) == (handout.dispatch_id, digest_of(to_plain(outcome)))
    row = world.instance()
    assert (row.state.value, row.dispatch_id) == ("success", None)
    found = world.read(lambda tx: xcoms.list_xcoms(tx, row.pk))
    assert {one.key: one.value for one in found} == {
        "return_value": {"ä\0": [1.5, None]},
        "empty": None,
        "nested": [[1], []],
    }


def test_an_outcome_counts_without_a_report_of_the_start(world: World) -> None:
    handout = world.hand_out_one()
    world.report(handout.dispatch_id, succeeded())
    assert world.states() == {"t": "success"}
    assert world.instance().started_at is not None


def test_a_repeated_outcome_gets_the_first_receipt_and_changes_nothing(world: World) -> None:
    handout = world.hand_out_one()
    outcome = succeeded(return_value=1)
    first = world.report(handout.dispatch_id, outcome)
    before = (world.instance(), world.run_row(), world.events())
    assert world.report(handout.dispatch_id, outcome) == first
    assert (world.instance(), world.run_row(), world.events()) == before


def test_another_outcome_of_an_ended_dispatch_is_refused(world: World) -> None:
    handout = world.hand_out_one()
    world.report(handout.dispatch_id, succeeded(return_value=1))
    assert refusal(world, handout.dispatch_id, succeeded(return_value=2)) is ProblemReason.DISPATCH_ENDED
    assert world.states() == {"t": "success"}


def test_the_outcome_of_a_lost_dispatch_is_refused(world: World) -> None:
    handout = world.hand_out_one()
    world.write(lambda tx: dispatches.lose(tx, [handout.dispatch_id], LossCause.WORKER_SILENT))
    assert refusal(world, handout.dispatch_id, succeeded()) is ProblemReason.DISPATCH_ENDED
    assert refusal(world, handout.dispatch_id, started()) is ProblemReason.DISPATCH_ENDED
    assert world.states() == {"t": "scheduled"}


def test_a_dispatch_that_never_was_is_unknown(world: World) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    assert refusal(world, unknown, succeeded()) is ProblemReason.UNKNOWN_DISPATCH
    assert refusal(world, unknown, started()) is ProblemReason.UNKNOWN_DISPATCH


def test_a_late_or_repeated_start_changes_nothing(world: World) -> None:
    handout = world.hand_out_one()
    world.report(handout.dispatch_id, started())
    first = world.instance()
    world.report(handout.dispatch_id, started())
    assert world.instance() == first
    world.report(handout.dispatch_id, succeeded())
    ended = world.instance()
    assert world.report(handout.dispatch_id, started()) is None
    assert world.instance() == ended


def test_an_outcome_that_does_not_fit_the_activity_is_refused(world: World) -> None:
    handout = world.hand_out_one()
    assert refusal(world, handout.dispatch_id, parsed()) is ProblemReason.INVALID_VALUE
    assert world.states() == {"t": "queued"}
    snapshot = world.publish(g=b"")
    world.write(lambda tx: dags.request_parse(tx, BUNDLE, snapshot, "g.py", 30))
    parse = world.claim_parse()
    assert refusal(world, parse.dispatch_id, succeeded()) is ProblemReason.INVALID_VALUE
    assert [row.state for row in world.read(dags.list_parses)] == ["queued"]


def test_an_xcom_key_that_cannot_be_stored_is_refused_with_everything(world: World) -> None:
    handout = world.hand_out_one()
    assert refusal(world, handout.dispatch_id, succeeded(**{"a": 1, "nul\0": 2})) is ProblemReason.INVALID_VALUE
    assert world.states() == {"t": "queued"}
    assert world.read(lambda tx: xcoms.list_xcoms(tx, 1)) == []


@pytest.mark.parametrize(
    ("retries", "retryable", "states"),
    [
        (0, True, ["failed"]),
        (1, True, ["up_for_retry", "failed"]),
        (2, True, ["up_for_retry", "up_for_retry", "failed"]),
        (2, False, ["failed"]),
    ],
)
def test_a_failure_is_retried_as_often_as_declared(
    world: World, retries: int, retryable: bool, states: list[str]
) -> None:
    handout = world.hand_out_one(retries=retries)
    seen: list[str] = []
    while True:
        world.report(handout.dispatch_id, failed(retryable=retryable))
        seen.append(world.states()["t"])
        world.schedule()
        again = world.claim()
        if not again:
            break
        (handout,) = again
    assert seen == states
    assert world.instance().failures == len(states)


def test_a_skip_is_a_skip_and_its_words_are_kept(world: World) -> None:
    handout = world.hand_out_one()
    outcome = succeeded()
    skip = TaskSkipped(started_at=outcome.started_at, ended_at=outcome.ended_at, message="no data")
    world.report(handout.dispatch_id, skip)
    row = world.instance()
    assert row.state.value == "skipped"
    assert row.error is not None
    assert row.error["message"] == "no data"


def test_an_interrupted_try_is_scheduled_again(world: World) -> None:
    handout = world.hand_out_one()
    for number in range(6):
        world.report(handout.dispatch_id, interrupted(InterruptCause.WORKER_STOPPING))
        assert (world.instance().state.value, world.instance().lost) == ("scheduled", 0)
        (handout,) = world.claim()
        assert world.instance().try_number == number + 2
    world.report(handout.dispatch_id, interrupted(InterruptCause.WORKER_FAILURE))
    assert (world.instance().state.value, world.instance().lost) == ("scheduled", 1)
    pk = world.instance().pk
    tries = world.read(lambda tx: runs.list_tries(tx, pk))
    assert {one.state for one in tries} == {"lost"}


def test_reports_of_one_transaction_are_answered_each_for_itself(world: World) -> None:
    first, second, third = world.hand_out(task("a"), task("b"), task("c"))
    outcome, other = succeeded(return_value=1), succeeded(return_value=2)
    reports = [
        Report(first.dispatch_id, outcome),
        Report(first.dispatch_id, started()),
        Report(second.dispatch_id, parsed()),
        Report("unknown", outcome),
        Report(first.dispatch_id, outcome),
        Report(first.dispatch_id, other),
        Report(third.dispatch_id, failed()),
    ]
    answers = world.write(lambda tx: dispatches.record_reports(tx, reports))
    assert answers[0] == answers[4]
    assert isinstance(answers[0], OutcomeReceipt)
    assert answers[1] is None
    refused = {number: answer.reason for number, answer in enumerate(answers) if isinstance(answer, Refused)}
    assert refused == {
        2: ProblemReason.INVALID_VALUE,
        3: ProblemReason.UNKNOWN_DISPATCH,
        5: ProblemReason.DISPATCH_ENDED,
    }
    assert world.states() == {"a": "success", "b": "queued", "c": "failed"}
    assert world.instance("a").hostname == "host"
    assert [one.event for one in world.events() if one.task_id == "a"] == ["ready", "claim", "start", "succeed"]


def test_an_outcome_makes_the_run_dirty_and_wakes_the_leader(world: World) -> None:
    handout = world.hand_out_one()
    rev = world.run_row().rev

    async def scene() -> bool:
        subscription = world.store.hints.subscribe("runs")
        await world.store.write(lambda tx: dispatches.finish(tx, handout.dispatch_id, succeeded()))
        return await subscription.wait(0)

    assert world.run(scene())
    assert world.run_row().rev == rev + 1


def test_a_live_dispatch_says_what_its_bearer_may_act_for(world: World) -> None:
    binding = world.connect().binding
    handout = world.hand_out_one(worker=binding)
    found = world.read(lambda tx: dispatches.live_dispatch(tx, handout.dispatch_id))
    assert (found.kind, found.credential_id, found.worker) == (
        ActivityKind.EXECUTE_TASK,
        binding.credential_id,
        "worker",
    )
    assert found.task is not None
    assert (found.task.dag_id, found.task.run_id, found.task.task_id, found.task.try_number) == ("d", "r", "t", 1)
    assert (found.activity_id, found.snapshot) == (found.task.try_id, handout.activity.code.snapshot)
    world.write(lambda tx: dispatches.report_started(tx, handout.dispatch_id, started()))
    world.write(lambda tx: dispatches.finish(tx, handout.dispatch_id, succeeded()))

    def again(tx: Transaction) -> None:
        dispatches.live_dispatch(tx, handout.dispatch_id)

    with pytest.raises(Refused) as refused:
        world.read(again)
    assert refused.value.reason is ProblemReason.DISPATCH_ENDED


def test_a_parse_is_a_dispatch_too(world: World) -> None:
    snapshot = world.publish(f=b"")
    parse_id = world.write(lambda tx: dags.request_parse(tx, BUNDLE, snapshot, "f.py", 30))
    handout = world.claim_parse()
    found = world.read(lambda tx: dispatches.live_dispatch(tx, handout.dispatch_id))
    assert (found.kind, found.activity_id, found.task) == (ActivityKind.PARSE_DAG_FILE, parse_id, None)
    assert (found.bundle, found.snapshot, found.file) == (BUNDLE, snapshot, "f.py")
    world.report(handout.dispatch_id, started())
    assert [row.state for row in world.read(dags.list_parses)] == ["running"]
    outcome = parsed([dag("d", task("t"))])
    assert world.report(handout.dispatch_id, outcome) == world.report(handout.dispatch_id, outcome)

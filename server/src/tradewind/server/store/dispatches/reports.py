"""What workers report: user code starts, and exactly one outcome."""

from __future__ import annotations

from collections.abc import Sequence

from tradewind.server.contract import (
    ActivityInterrupted,
    FileParsed,
    Outcome,
    OutcomeReceipt,
    ProblemReason,
    Started,
    TaskFailed,
    TaskInstanceEvent,
    TaskSkipped,
    TaskSucceeded,
    to_plain,
)
from tradewind.server.domain import retries
from tradewind.server.domain.refusals import Refused
from tradewind.server.domain.versions import digest_of
from tradewind.server.store.dags.records import record_parse
from tradewind.server.store.dispatches.held import Held, HeldInstance, HeldParse, hold
from tradewind.server.store.dispatches.ledger import Ledger
from tradewind.server.store.dispatches.lookup import dispatch_ended, unknown_dispatch
from tradewind.server.store.dispatches.losses import lose_parse, lose_try
from tradewind.server.store.dispatches.stopping import confirm_gone
from tradewind.server.store.handouts import LossCause, Report
from tradewind.server.store.transaction import Transaction
from tradewind.server.store.words import storable

OUTCOME = "outcome"
"""Why a dispatch ended that was reported on."""


def record_reports(tx: Transaction, reports: Sequence[Report]) -> list[OutcomeReceipt | Refused | None]:
    """Record what workers say about dispatches, all of it with one statement for each table.

    Of reports about one dispatch a start comes first, whatever their order. A start of a dispatch that ended by its
    own outcome changes nothing, and neither does an outcome that was recorded already. Any outcome of a stopped
    dispatch says that its process is gone, and nothing else.

    Returns:
        For each report, in their order: None for a start, the receipt of an outcome, or the refusal:
        `unknown_dispatch`, `dispatch_ended`, or `invalid_value` for an outcome that does not fit the activity.
    """
    held = hold(tx, {report.dispatch_id for report in reports})
    ledger = Ledger(tx)
    for report in reports:
        found = held.get(report.dispatch_id)
        if isinstance(report.body, Started) and found is not None and found.live:
            ledger.start(found, report.body)
    answers = [_answer(tx, ledger, held.get(report.dispatch_id), report) for report in reports]
    ledger.write()
    confirm_gone(tx, {one.dispatch_id: one.outcome_digest for one in held.values() if one.confirmed})
    return answers


def report_started(tx: Transaction, dispatch_id: str, started: Started) -> None:
    """Record one start; see `record_reports`.

    Raises:
        Refused: `unknown_dispatch` or `dispatch_ended`.
    """
    answer = record_reports(tx, [Report(dispatch_id, started)])[0]
    if isinstance(answer, Refused):
        raise answer


def finish(tx: Transaction, dispatch_id: str, outcome: Outcome) -> OutcomeReceipt:
    """Record one outcome; see `record_reports`.

    Raises:
        Refused: `unknown_dispatch`, `dispatch_ended` or `invalid_value`.
    """
    answer = record_reports(tx, [Report(dispatch_id, outcome)])[0]
    if isinstance(answer, OutcomeReceipt):
        return answer
    raise answer or TypeError("an outcome was taken for a start")


def _answer(tx: Transaction, ledger: Ledger, held: Held | None, report: Report) -> OutcomeReceipt | Refused | None:
    if held is None:
        return unknown_dispatch(report.dispatch_id)
    if isinstance(report.body, Started):
        if held.live or held.end_reason == OUTCOME:
            return None
        return dispatch_ended(held.dispatch_id, held.end_reason)
    digest = digest_of(to_plain(report.body))
    if held.live:
        if report.body.started is not None:
            ledger.start(held, report.body.started)
        try:
            _end(tx, ledger, held, report.body, digest)
        except Refused as refusal:
            return refusal
    elif held.stopping:
        held.confirmed, held.gone_at, held.outcome_digest = True, tx.now, digest
    if held.gone_at is None or held.outcome_digest != digest:
        return dispatch_ended(held.dispatch_id, held.end_reason)
    return OutcomeReceipt(dispatch_id=held.dispatch_id, digest=digest, recorded_at=held.gone_at)


def _end(tx: Transaction, ledger: Ledger, held: Held, outcome: Outcome, digest: str) -> None:
    """End a live dispatch by an outcome that fits its activity."""
    if held.instance is not None and not isinstance(outcome, FileParsed):
        _end_try(tx, ledger, held, held.instance, outcome=outcome, digest=digest)
    elif held.parse is not None and isinstance(outcome, FileParsed | ActivityInterrupted):
        _end_parse(tx, ledger, held, held.parse, outcome=outcome, digest=digest)
    else:
        raise Refused(
            ProblemReason.INVALID_VALUE,
            f"an activity of kind {held.kind} does not end with the outcome {outcome.outcome}",
            field="outcome",
        )


def _end_try(
    tx: Transaction,
    ledger: Ledger,
    held: Held,
    instance: HeldInstance,
    *,
    outcome: TaskSucceeded | TaskFailed | TaskSkipped | ActivityInterrupted,
    digest: str,
) -> None:
    if isinstance(outcome, ActivityInterrupted):
        counts = retries.counts_as_lost(outcome.cause)
        message = outcome.message or f"the worker interrupted it ({outcome.cause})"
        lose_try(
            tx,
            ledger,
            held,
            instance,
            cause=LossCause.INTERRUPTED,
            message=message,
            counts=counts,
            reason=OUTCOME,
            digest=digest,
        )
        return
    event, error, failed = TaskInstanceEvent.SUCCEED, None, False
    if isinstance(outcome, TaskSucceeded):
        for entry in outcome.xcoms:
            storable(entry.key, field="xcoms.key")
        ledger.put_xcoms(instance, outcome.xcoms)
    elif isinstance(outcome, TaskFailed):
        event = retries.verdict(outcome.error, failures=instance.failures, retries=instance.retries)
        error, failed = to_plain(outcome.error), True
    else:
        event = TaskInstanceEvent.SKIP
        error = (
            None
            if outcome.message is None
            else {
                "type": "TaskSkipped",
                "message": outcome.message,
                "retryable": False,
            }
        )
    ledger.end_try(
        held,
        instance,
        event,
        try_state=outcome.outcome,
        reason=OUTCOME,
        digest=digest,
        error=error,
        failed=failed,
        skips=outcome.skips if isinstance(outcome, TaskSucceeded) else None,
        started_at=outcome.started_at,
        ended_at=outcome.ended_at,
    )


def _end_parse(
    tx: Transaction,
    ledger: Ledger,
    held: Held,
    parse: HeldParse,
    *,
    outcome: FileParsed | ActivityInterrupted,
    digest: str,
) -> None:
    if isinstance(outcome, ActivityInterrupted):
        counts = retries.counts_as_lost(outcome.cause)
        lose_parse(tx, ledger, held, parse, counts=counts, reason=OUTCOME, digest=digest)
        return
    record_parse(tx, parse.parsed_file, outcome)
    ledger.end_parse(held, parse, again=False, lost=False, reason=OUTCOME, digest=digest)

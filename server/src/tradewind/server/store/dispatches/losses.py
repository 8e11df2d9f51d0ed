"""Dispatches that end without an outcome: what becomes of their activities."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from tradewind.server.contract import TaskError, TaskInstanceEvent, to_plain
from tradewind.server.domain import retries
from tradewind.server.store.dags.records import record_failure
from tradewind.server.store.dispatches.held import Held, HeldInstance, HeldParse, hold
from tradewind.server.store.dispatches.ledger import Ledger
from tradewind.server.store.dispatches.stopping import confirm_gone
from tradewind.server.store.handouts import LossCause
from tradewind.server.store.transaction import Transaction

MOST_LOST_PARSES = 3
"""Times that a parse may end its process without a word; then the file itself is taken to be the reason."""

HANDED_BACK = "handed_back"
"""Why a dispatch ended that was never delivered."""

UNDELIVERABLE = "undeliverable"
"""Why a dispatch ended whose activity cannot be put into words for a worker."""

_MESSAGES: Final = {
    LossCause.WORKER_SILENT: "its worker was silent for too long",
    LossCause.INSTANCE_ENDED: "its worker process has ended",
    LossCause.NOT_RUNNING: "its worker does not run it any more and has no outcome",
    LossCause.NOT_STARTED: "nobody started it in time",
    LossCause.EXECUTOR_FAILED: "its executor reported that it ended without an outcome",
    LossCause.INTERRUPTED: "its worker interrupted it",
}
_ACTORS: Final = {LossCause.WORKER_SILENT: "scheduler", LossCause.NOT_STARTED: "scheduler"}


def lose(tx: Transaction, dispatch_ids: Collection[str], cause: LossCause, message: str | None = None) -> list[str]:
    """End dispatches that are known, or have to be taken, to have ended without an outcome.

    A task instance is scheduled again, until it was lost too often; then the try is a failed one. A parse is
    scheduled again, until its file gets an import error. Of a stopped dispatch it says that its process is gone.

    Args:
        tx: a transaction that writes.
        dispatch_ids: those that ended already, or do not exist, are left alone.
        cause: why.
        message: more about it, for the error of the try.

    Returns:
        Those that were live, sorted.
    """
    ledger = Ledger(tx)
    found = hold(tx, dispatch_ids)
    confirm_gone(tx, {held.dispatch_id: None for held in found.values() if held.stopping})
    live = [held for held in found.values() if held.live]
    for held in live:
        if held.instance is not None:
            why = _MESSAGES[cause] + (f": {message}" if message else "")
            lose_try(tx, ledger, held, held.instance, cause=cause, message=why, reason=cause.value)
        elif held.parse is not None:
            lose_parse(tx, ledger, held, held.parse, reason=cause.value)
    ledger.write()
    if live:
        tx.hint("ended")
    return sorted(held.dispatch_id for held in live)


def hand_back(tx: Transaction, dispatch_ids: Collection[str]) -> list[str]:
    """End dispatches that were claimed and never left the server; that counts as nothing.

    Returns:
        Those that were live and had not started, sorted.
    """
    ledger = Ledger(tx)
    unused = [
        held for held in hold(tx, dispatch_ids).values() if held.live and held.started_at is None and held.nonce is None
    ]
    for held in unused:
        if held.instance is not None:
            ledger.end_try(
                held,
                held.instance,
                TaskInstanceEvent.LOSE,
                try_state="lost",
                reason=HANDED_BACK,
                error=_error("TryHandedBack", "it was not delivered"),
                actor=f"executor:{held.executor}",
            )
        elif held.parse is not None:
            ledger.end_parse(held, held.parse, again=True, lost=False, reason=HANDED_BACK)
    ledger.write()
    return sorted(held.dispatch_id for held in unused)


def give_up(tx: Transaction, faults: Mapping[str, str]) -> list[str]:
    """End dispatches whose activities cannot be delivered to anybody: what is stored for them cannot be sent.

    A try counts as a failed one, with the fault as its error: what is stored may be mended until its next try. A file
    gets an import error.

    Args:
        tx: a transaction that writes.
        faults: what is wrong and what to do, by dispatch. Those that ended or started meanwhile are left alone.

    Returns:
        Those that were ended, sorted.
    """
    ledger = Ledger(tx)
    unsent = [held for held in hold(tx, faults).values() if held.live and held.started_at is None]
    for held in unsent:
        fault = f"it could not be delivered: {faults[held.dispatch_id]}"
        if held.instance is not None:
            error = TaskError(type="TryUndeliverable", message=fault, retryable=True)
            ledger.end_try(
                held,
                held.instance,
                retries.verdict(error, failures=held.instance.failures, retries=held.instance.retries),
                try_state="failed",
                reason=UNDELIVERABLE,
                error=to_plain(error),
                failed=True,
                actor=f"executor:{held.executor}",
            )
        elif held.parse is not None:
            record_failure(tx, held.parse.parsed_file, "ParsingUndeliverable", fault)
            ledger.end_parse(held, held.parse, again=False, lost=False, reason=UNDELIVERABLE)
    ledger.write()
    if unsent:
        tx.hint("ended")
    return sorted(held.dispatch_id for held in unsent)


def lose_try(
    tx: Transaction,
    ledger: Ledger,
    held: Held,
    instance: HeldInstance,
    *,
    cause: LossCause,
    message: str,
    reason: str,
    counts: bool = True,
    digest: str | None = None,
) -> None:
    """Note that a try was lost, and let its task instance be scheduled again, retried or failed."""
    event = TaskInstanceEvent.LOSE
    if counts:
        event = retries.lost_verdict(
            lost=instance.lost,
            max_lost_tries=tx.options.max_lost_tries,
            failures=instance.failures,
            retries=instance.retries,
        )
    failed = event is not TaskInstanceEvent.LOSE
    if failed:
        message = f"lost {instance.lost + 1} times, which counts as a failure: {message}"
    ledger.end_try(
        held,
        instance,
        event,
        try_state="lost",
        reason=reason,
        digest=digest,
        error=_error("TryLost", f"The try was lost: {message}"),
        failed=failed,
        lost=counts,
        actor=_ACTORS.get(cause),
    )


def lose_parse(
    tx: Transaction,
    ledger: Ledger,
    held: Held,
    parse: HeldParse,
    *,
    reason: str,
    counts: bool = True,
    digest: str | None = None,
) -> None:
    """Note that a parse was lost, and let it be handed out again or give the file up."""
    given_up = counts and parse.lost + 1 >= MOST_LOST_PARSES
    if given_up:
        message = f"Parsing this file ended its process {MOST_LOST_PARSES} times; see the log of the worker"
        record_failure(tx, parse.parsed_file, "ParsingKilledItsProcess", message)
    ledger.end_parse(held, parse, again=not given_up, lost=counts, reason=reason, digest=digest)


def _error(kind: str, message: str) -> dict[str, object]:
    """A `TaskError` as plain JSON."""
    return {"type": kind, "message": message, "retryable": True}

"""Dispatches with the rows of their activities, read once and locked until the transaction ends."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from tradewind.server.contract import ActivityKind, TaskInstanceState
from tradewind.server.store.dags.records import ParsedFile
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dispatch, parse, task_instance
from tradewind.server.store.transaction import Transaction

# In the order of their ids: of two transactions that hold the same dispatches one waits, and neither for the other.
_DISPATCHES = (
    select(
        dispatch.c.dispatch_id,
        dispatch.c.kind,
        dispatch.c.activity_id,
        dispatch.c.instance_pk,
        dispatch.c.executor,
        dispatch.c.worker,
        dispatch.c.nonce,
        dispatch.c.session_id,
        dispatch.c.claimed_at,
        dispatch.c.started_at,
        dispatch.c.ended_at,
        dispatch.c.gone_at,
        dispatch.c.end_reason,
        dispatch.c.outcome_digest,
    )
    .where(within(dispatch.c.dispatch_id, "dispatches"))
    .order_by(dispatch.c.dispatch_id)
    .with_for_update()
)
_INSTANCES = (
    select(
        task_instance.c.pk,
        task_instance.c.run_pk,
        task_instance.c.state,
        task_instance.c.rev,
        task_instance.c.failures,
        task_instance.c.lost,
        task_instance.c.retries,
        task_instance.c.retry_delay_seconds,
        task_instance.c.retry_backoff,
        task_instance.c.max_retry_delay_seconds,
        task_instance.c.started_at,
    )
    .where(within(task_instance.c.pk, "instances"))
    .order_by(task_instance.c.pk)
    .with_for_update()
)
_PARSES = (
    select(parse.c.parse_id, parse.c.bundle, parse.c.file, parse.c.snapshot, parse.c.rev, parse.c.lost)
    .where(within(parse.c.parse_id, "parses"))
    .order_by(parse.c.parse_id)
    .with_for_update()
)


@dataclass(slots=True)
class HeldInstance:
    """The task instance of a dispatch, as it will be when what was decided so far is written."""

    pk: int
    run_pk: int
    state: TaskInstanceState
    rev: int
    failures: int
    lost: int
    retries: int
    retry_delay_seconds: float
    retry_backoff: float = 1.0
    max_retry_delay_seconds: float | None = None
    started_at: datetime | None = None


@dataclass(slots=True)
class HeldParse:
    """The parse of a dispatch, as it will be when what was decided so far is written."""

    parse_id: str
    bundle: str
    file: str
    snapshot: str
    rev: int
    lost: int

    @property
    def parsed_file(self) -> ParsedFile:
        return ParsedFile(self.parse_id, self.bundle, self.file, self.snapshot)


@dataclass(slots=True)
class Held:
    """A dispatch that no other transaction can end meanwhile.

    Attributes:
        instance: its task instance, while the dispatch is live and hands out a try.
        parse: its parse, while the dispatch is live and hands one out.
        confirmed: whether an outcome has just said that its process, which was stopped, is gone.
    """

    dispatch_id: str
    kind: ActivityKind
    activity_id: str
    instance_pk: int | None
    executor: str
    worker: str | None
    nonce: str | None
    session_id: str | None
    claimed_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    gone_at: datetime | None
    end_reason: str | None
    outcome_digest: str | None
    instance: HeldInstance | None = None
    parse: HeldParse | None = None
    confirmed: bool = False

    @property
    def live(self) -> bool:
        return self.ended_at is None

    @property
    def stopping(self) -> bool:
        """Whether it may not act any more, and nobody knows yet that its process is gone."""
        return self.ended_at is not None and self.gone_at is None


def hold(tx: Transaction, dispatch_ids: Collection[str]) -> dict[str, Held]:
    """Lock dispatches and what they hand out; those that do not exist are left out."""
    if not dispatch_ids:
        return {}
    found = {row.dispatch_id: _held(row) for row in tx.rows(_DISPATCHES, {"dispatches": sorted(set(dispatch_ids))})}
    live = [held for held in found.values() if held.live]
    pks = [held.instance_pk for held in live if held.instance_pk is not None]
    instances = {row.pk: _instance(row) for row in tx.rows(_INSTANCES, {"instances": pks})} if pks else {}
    parse_ids = [held.activity_id for held in live if held.instance_pk is None]
    rows = tx.rows(_PARSES, {"parses": parse_ids}) if parse_ids else []
    parses = {row.parse_id: HeldParse(**row._asdict()) for row in rows}
    for held in live:
        if held.instance_pk is not None:
            held.instance = instances[held.instance_pk]
        else:
            held.parse = parses[held.activity_id]
    return found


def _held(row: Any) -> Held:
    values = row._asdict()
    return Held(**{**values, "kind": ActivityKind(values["kind"])})


def _instance(row: Any) -> HeldInstance:
    values = row._asdict()
    return HeldInstance(**{**values, "state": TaskInstanceState(values["state"])})

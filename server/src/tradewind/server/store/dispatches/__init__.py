"""Handing activities out, and everything that is said about them afterwards, fenced by `dispatch_id`."""

from tradewind.server.store.dispatches.claims import claim
from tradewind.server.store.dispatches.lookup import ended_among, handout, handouts, live_dispatch, undelivered
from tradewind.server.store.dispatches.losses import hand_back, lose
from tradewind.server.store.dispatches.reports import finish, record_reports, report_started
from tradewind.server.store.dispatches.tickets import set_tickets, start_by_ticket
from tradewind.server.store.handouts import (
    ClaimRequest,
    Dispatch,
    DispatchedTask,
    Handout,
    LossCause,
    Report,
    WorkerBinding,
)

__all__ = [
    "ClaimRequest",
    "Dispatch",
    "DispatchedTask",
    "Handout",
    "LossCause",
    "Report",
    "WorkerBinding",
    "claim",
    "ended_among",
    "finish",
    "hand_back",
    "handout",
    "handouts",
    "live_dispatch",
    "lose",
    "record_reports",
    "report_started",
    "set_tickets",
    "start_by_ticket",
    "undelivered",
]

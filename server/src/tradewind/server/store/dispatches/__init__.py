"""Handing activities out, and everything that is said about them afterwards, fenced by `dispatch_id`."""

from tradewind.server.store.dispatches.claims import claim
from tradewind.server.store.dispatches.ledger import places_freed
from tradewind.server.store.dispatches.lookup import (
    ended_among,
    handout,
    handouts,
    keep_live,
    live_dispatch,
    undelivered,
)
from tradewind.server.store.dispatches.losses import give_up, hand_back, lose
from tradewind.server.store.dispatches.reports import finish, record_reports, report_started
from tradewind.server.store.dispatches.stopping import confirm_gone, stop_live_tries, stop_live_try
from tradewind.server.store.dispatches.takers import Handouts
from tradewind.server.store.dispatches.tickets import set_tickets, start_by_ticket
from tradewind.server.store.handouts import (
    ClaimRequest,
    Dispatch,
    DispatchedTask,
    FreedPlace,
    Handout,
    LossCause,
    Report,
    StopCause,
    WorkerBinding,
)

__all__ = [
    "ClaimRequest",
    "Dispatch",
    "DispatchedTask",
    "FreedPlace",
    "Handout",
    "Handouts",
    "LossCause",
    "Report",
    "StopCause",
    "WorkerBinding",
    "claim",
    "confirm_gone",
    "ended_among",
    "finish",
    "give_up",
    "hand_back",
    "handout",
    "handouts",
    "keep_live",
    "live_dispatch",
    "lose",
    "places_freed",
    "record_reports",
    "report_started",
    "set_tickets",
    "start_by_ticket",
    "stop_live_tries",
    "stop_live_try",
    "undelivered",
]

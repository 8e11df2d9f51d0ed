"""Decides what live runs do next: one leader at a time, woken by hints, kept honest by revisions and an epoch."""

from tradewind.server.scheduler.scheduler import Scheduler

__all__ = ["Scheduler"]

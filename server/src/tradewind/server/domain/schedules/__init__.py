"""Schedules: when runs of a DAG come due, which dates they have, and how to say that in words.

Everything here is a function of its arguments; moments go in and out in UTC.
"""

from tradewind.server.domain.schedules.plans import DataInterval, NextRun
from tradewind.server.domain.schedules.schedule import Schedule, check, manual_interval, next_run
from tradewind.server.domain.schedules.words import describe, summary

__all__ = [
    "DataInterval",
    "NextRun",
    "Schedule",
    "check",
    "describe",
    "manual_interval",
    "next_run",
    "summary",
]

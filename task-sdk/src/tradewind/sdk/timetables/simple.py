"""Timetables without moments of their own."""

from tradewind.sdk.authoring.timetables import ContinuousTimetable, NullTimetable, OnceTimetable

__all__ = ["ContinuousTimetable", "NullTimetable", "OnceTimetable"]

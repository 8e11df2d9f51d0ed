"""Timetables whose moments bound the data intervals of runs."""

from tradewind.sdk.authoring.timetables import CronDataIntervalTimetable, DeltaDataIntervalTimetable

__all__ = ["CronDataIntervalTimetable", "DeltaDataIntervalTimetable"]

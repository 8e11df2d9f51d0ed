"""From a timetable as an author writes it to its form in the contract."""

from __future__ import annotations

from tradewind.sdk import contract
from tradewind.sdk.authoring.timetables import (
    ContinuousTimetable,
    CronDataIntervalTimetable,
    DeltaDataIntervalTimetable,
    DeltaTriggerTimetable,
    MultipleCronTriggerTimetable,
    OnceTimetable,
    Span,
    Timetable,
)


def timetable_form(timetable: Timetable) -> contract.Timetable | None:
    """The timetable in the form of the contract; None for runs that are only triggered."""
    if isinstance(timetable, MultipleCronTriggerTimetable):
        return _cron_trigger(timetable)
    if isinstance(timetable, CronDataIntervalTimetable):
        return contract.CronDataIntervalTimetable(cron=timetable.cron, timezone=timetable.timezone)
    if isinstance(timetable, DeltaTriggerTimetable):
        return contract.DeltaTriggerTimetable(delta=_delta(timetable.delta), interval=_interval(timetable.interval))
    if isinstance(timetable, DeltaDataIntervalTimetable):
        return contract.DeltaDataIntervalTimetable(delta=_delta(timetable.delta))
    if isinstance(timetable, OnceTimetable):
        return contract.OnceTimetable()
    if isinstance(timetable, ContinuousTimetable):
        return contract.ContinuousTimetable()
    return None


def _cron_trigger(timetable: MultipleCronTriggerTimetable) -> contract.CronTriggerTimetable:
    immediately = timetable.run_immediately
    return contract.CronTriggerTimetable(
        crons=list(dict.fromkeys(timetable.crons)),
        timezone=timetable.timezone,
        interval=_interval(timetable.interval),
        run_immediately=immediately is True,
        run_immediately_seconds=None if isinstance(immediately, bool) else immediately,
    )


def _delta(span: Span) -> contract.Delta:
    return contract.Delta(months=span.months, seconds=span.seconds)


def _interval(span: Span) -> contract.Delta | None:
    return _delta(span) if span else None

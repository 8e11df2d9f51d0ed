"""When the runs of a schedule come due, by the rules of Airflow 3.

What is asked is always the same: which run follows the last scheduled one. The answer of each kind of timetable stands
in a function of its own; `now` is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from tradewind.server.contract import (
    ContinuousTimetable,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    Delta,
    DeltaDataIntervalTimetable,
    DeltaTriggerTimetable,
    OnceTimetable,
    Timetable,
)
from tradewind.server.domain.schedules.crons import Cron, cron
from tradewind.server.domain.schedules.moments import Moments
from tradewind.server.domain.schedules.spans import Span

SHORTEST_GRACE: Final = timedelta(minutes=5)
"""Within this time, or a tenth of the time between two moments, a new schedule makes up for its last moment; of
Airflow's `CronTriggerTimetable`."""

NO_SPAN: Final = Span(Delta(months=0, seconds=0.0))


@dataclass(frozen=True, slots=True)
class DataInterval:
    """The time that a run is about; both ends are the same for a run at a moment."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class NextRun:
    """A run that a schedule makes.

    Attributes:
        run_after: when it is due.
        logical_date: the date that names it.
        data_interval: the time that it is about.
    """

    run_after: datetime
    logical_date: datetime
    data_interval: DataInterval

    @classmethod
    def over(cls, start: datetime, end: datetime) -> Self:
        """The run about an interval, which is due at its end: that holds for every timetable."""
        return cls(run_after=end, logical_date=start, data_interval=DataInterval(start, end))


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that an answer depends on.

    Attributes:
        last: data interval of the last scheduled run, if there was one.
        start: runs are made from here on.
        end: runs are made up to here.
        catchup: whether moments that passed have runs.
        now: the present.
    """

    last: DataInterval | None
    start: datetime | None
    end: datetime | None
    catchup: bool
    now: datetime


def plan(timetable: Timetable, question: Question) -> NextRun | None:
    """The run that follows; None when none does.

    Raises:
        ValueError: the timetable cannot be; see `check`.
    """
    try:
        return _PLANS[type(timetable)](timetable, question)
    except OverflowError:
        # The calendar ends, or no later date meets the expression.
        return None


def _once(_: OnceTimetable, question: Question) -> NextRun | None:
    if question.last is not None:
        return None
    moment = question.start or question.now
    return None if _is_over(moment, question) else NextRun.over(moment, moment)


def _continuous(_: ContinuousTimetable, question: Question) -> NextRun | None:
    start = question.last.end if question.last is not None else question.start or question.now
    end = max(start, question.now)
    return None if _is_over(end, question) else NextRun.over(start, end)


def _cron_trigger(timetable: CronTriggerTimetable, question: Question) -> NextRun | None:
    length = NO_SPAN if timetable.interval is None else Span(timetable.interval)
    found: list[NextRun] = []
    for text in timetable.crons:
        moments = cron(text, timetable.timezone)
        moment = _trigger(moments, question, _first_moment(timetable, moments, question.now))
        if moment is not None:
            found.append(NextRun.over(length.previous(moment), moment))
    due = [run for run in found if run.run_after <= question.now]
    if due and not question.catchup:
        return max(due, key=_due_at)
    return min(found, key=_due_at, default=None)


def _delta_trigger(timetable: DeltaTriggerTimetable, question: Question) -> NextRun | None:
    length = NO_SPAN if timetable.interval is None else Span(timetable.interval)
    moment = _trigger(Span(timetable.delta), question, lambda: question.now)
    return None if moment is None else NextRun.over(length.previous(moment), moment)


def _cron_data_interval(timetable: CronDataIntervalTimetable, question: Question) -> NextRun | None:
    moments = cron(timetable.cron, timetable.timezone)
    last = moments.previous(question.now)
    # At a moment itself the interval that ends there is the newest one that is complete.
    newest = last if moments.next(last) == question.now else moments.previous(last)
    return _data_interval(moments, question, newest)


def _delta_data_interval(timetable: DeltaDataIntervalTimetable, question: Question) -> NextRun | None:
    span = Span(timetable.delta)
    return _data_interval(span, question, span.previous(span.rounded(question.now, question.start)))


def _trigger(moments: Moments, question: Question, first: Callable[[], datetime]) -> datetime | None:
    """When a run at moments of a series is next due; `first` says it for a new schedule without a start date."""
    start, last = question.start, question.last
    candidates: list[datetime] = []
    if last is not None:
        candidates.append(moments.next(last.end))
    elif start is None:
        candidates.append(first())
    if start is not None and (last is None or not question.catchup):
        candidates.append(moments.at_or_after(start))
    if not question.catchup:
        candidates.append(moments.at_or_before(question.now))
    moment = max(candidates)
    return None if _is_over(moment, question) else moment


def _first_moment(timetable: CronTriggerTimetable, moments: Cron, now: datetime) -> Callable[[], datetime]:
    def first() -> datetime:
        past, coming = moments.at_or_before(now), moments.at_or_after(now)
        if timetable.run_immediately:
            return past
        if timetable.run_immediately_seconds is not None:
            grace = timedelta(seconds=timetable.run_immediately_seconds)
        else:
            grace = max((coming - past) / 10, SHORTEST_GRACE)
        return past if now - past <= grace else coming

    return first


def _data_interval(moments: Moments, question: Question, newest: datetime) -> NextRun | None:
    """The next interval between two moments of a series; `newest` begins the last one that is complete."""
    starts: list[datetime] = [] if question.catchup else [newest]
    if question.start is not None:
        starts.append(moments.at_or_after(question.start))
    if question.last is not None:
        # The series may be another one than that of the last run.
        starts.append(moments.at_or_before(question.last.end))
    if not starts:
        return None
    start = max(starts)
    if question.last is not None and start <= question.last.start:
        # A coarser series must not begin with, or before, what the last run was about.
        start = moments.next(start)
    return None if _is_over(start, question) else NextRun.over(start, moments.next(start))


def _is_over(moment: datetime, question: Question) -> bool:
    return question.end is not None and moment > question.end


def _due_at(run: NextRun) -> datetime:
    return run.run_after


_PLANS: Final[Mapping[type, Callable[[Any, Question], NextRun | None]]] = {
    OnceTimetable: _once,
    ContinuousTimetable: _continuous,
    CronTriggerTimetable: _cron_trigger,
    CronDataIntervalTimetable: _cron_data_interval,
    DeltaTriggerTimetable: _delta_trigger,
    DeltaDataIntervalTimetable: _delta_data_interval,
}

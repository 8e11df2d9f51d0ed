"""The schedule of a DAG: its timetable within its dates, and the runs that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from tradewind.server.contract import (
    ContinuousTimetable,
    CronDataIntervalTimetable,
    CronTriggerTimetable,
    Delta,
    DeltaDataIntervalTimetable,
    DeltaTriggerTimetable,
    SerializedDag,
    SerializedTask,
    Timetable,
)
from tradewind.server.domain.schedules.crons import cron
from tradewind.server.domain.schedules.plans import DataInterval, NextRun, Question, plan
from tradewind.server.domain.schedules.spans import Span


@dataclass(frozen=True)
class Schedule:
    """When runs of a DAG are made.

    Attributes:
        timetable: of the contract.
        start: no run is made for a moment before it.
        end: no run is made for a moment after it.
        catchup: whether moments that passed without a run have one, too.
    """

    timetable: Timetable
    start: datetime | None = None
    end: datetime | None = None
    catchup: bool = False

    @classmethod
    def of(cls, dag: SerializedDag) -> Self | None:
        """The schedule that a DAG declares; None for a DAG that is only triggered.

        As in Airflow the first of the dates of DAG and tasks is the start, and the last one the end if all tasks have
        an end.
        """
        if dag.timetable is None:
            return None
        starts = [date for date in (dag.start_date, *(task.start_date for task in dag.tasks)) if date is not None]
        return cls(dag.timetable, _utc(min(starts, default=None)), _utc(_end(dag.end_date, dag.tasks)), dag.catchup)

    def next_run(self, *, after: NextRun | None, now: datetime) -> NextRun | None:
        """See `next_run` of the package."""
        last = None if after is None else after.data_interval
        return plan(self.timetable, Question(last, self.start, self.end, self.catchup, now))

    def due_run(self, planned: NextRun, now: datetime) -> NextRun | None:
        """The run to make now in the place of the one that was planned, which is due.

        That is another one when moments have passed since: without catch-up the latest of them, and for `continuous`
        the time up to now. None when that run would be after the end.
        """
        if isinstance(self.timetable, ContinuousTimetable):
            end = max(planned.run_after, now)
            return None if self.end is not None and end > self.end else NextRun.over(planned.logical_date, end)
        if self.catchup:
            return planned
        while True:
            following = self.next_run(after=planned, now=now)
            if following is None or following.run_after > now:
                return planned
            planned = following

    def upcoming(self, planned: NextRun | None, *, now: datetime, count: int) -> list[NextRun]:
        """The runs that are to be expected, the next one first.

        Args:
            planned: the next run as it was planned before.
            now: the present.
            count: how many runs at most; `continuous` tells one, for the others depend on when it ends.
        """
        if planned is not None and planned.run_after <= now:
            planned = self.due_run(planned, now)
        most = min(count, 1) if isinstance(self.timetable, ContinuousTimetable) else count
        found: list[NextRun] = []
        while planned is not None and len(found) < most:
            found.append(planned)
            planned = self.next_run(after=planned, now=now)
        return found

    def moment_after(self, interval: DataInterval) -> datetime | None:
        """When the run after the one about an interval is due on the bare timetable, without dates and skipping.

        Airflow's `LatestOnlyOperator` asks so. None where no moment follows, or not by the timetable alone.
        """
        if isinstance(self.timetable, ContinuousTimetable):
            return None
        question = Question(interval, start=None, end=None, catchup=True, now=interval.end)
        following = plan(self.timetable, question)
        return None if following is None else following.run_after


def next_run(
    timetable: Timetable,
    *,
    after: NextRun | None,
    start: datetime | None,
    end: datetime | None,
    catchup: bool,
    now: datetime,
) -> NextRun | None:
    """The scheduled run that follows another one, or the first; None when none does.

    Args:
        timetable: one that `check` accepts.
        after: the last scheduled run.
        start: no run is made for a moment before it.
        end: no run is made for a moment after it.
        catchup: whether moments that passed without a run have one, too; without it the latest of them has.
        now: the present.
    """
    return Schedule(timetable, start, end, catchup).next_run(after=after, now=now)


def manual_interval(timetable: Timetable | None, moment: datetime) -> DataInterval:
    """The data interval of a run that is triggered for a logical date, as Airflow infers it.

    Args:
        timetable: of the DAG, if it has one.
        moment: the logical date.
    """
    match timetable:
        case CronTriggerTimetable(interval=Delta() as length) | DeltaTriggerTimetable(interval=Delta() as length):
            return DataInterval(Span(length).previous(moment), moment)
        case CronDataIntervalTimetable():
            moments = cron(timetable.cron, timetable.timezone)
            end = moments.at_or_before(moment)
            return DataInterval(moments.previous(end), end)
        case DeltaDataIntervalTimetable():
            return DataInterval(Span(timetable.delta).previous(moment), moment)
        case _:
            return DataInterval(moment, moment)


def check(timetable: Timetable) -> None:
    """Refuse a timetable that cannot be.

    Raises:
        ValueError: a cron expression or time zone is wrong, or a span is none; the message says what to write.
    """
    match timetable:
        case CronTriggerTimetable():
            for text in timetable.crons:
                cron(text, timetable.timezone)
            _check_interval(timetable.interval)
        case CronDataIntervalTimetable():
            cron(timetable.cron, timetable.timezone)
        case DeltaTriggerTimetable():
            _check_delta(timetable.delta)
            _check_interval(timetable.interval)
        case DeltaDataIntervalTimetable():
            _check_delta(timetable.delta)
        case _:
            pass


def _check_delta(delta: Delta) -> None:
    if not Span(delta).is_positive:
        raise ValueError(
            f"the time between two runs is {delta.months} months and {delta.seconds:g} s; it must be positive"
        )


def _check_interval(delta: Delta | None) -> None:
    if delta is not None and Span(delta).is_negative:
        raise ValueError(
            f"the length of the data interval is {delta.months} months and {delta.seconds:g} s; it must not be negative"
        )


def _end(of_dag: datetime | None, tasks: list[SerializedTask]) -> datetime | None:
    of_tasks = [task.end_date for task in tasks if task.end_date is not None]
    if not of_tasks or len(of_tasks) < len(tasks):
        return of_dag
    return max([*of_tasks, *([] if of_dag is None else [of_dag])])


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)

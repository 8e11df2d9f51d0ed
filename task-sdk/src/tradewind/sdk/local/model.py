"""What a run does next, said as directly as can be: the reference that the server's core is compared with.

It looks at every task after every event. That is slow for thousands of tasks and easy to believe.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from tradewind.sdk.contract import (
    TASK_INSTANCE_FINAL,
    TASK_INSTANCE_TRANSITIONS,
    DagRunState,
    RunEndCause,
    SerializedDag,
    SerializedTask,
    TaskInstanceEvent,
    TaskInstanceState,
    TriggerRule,
)
from tradewind.sdk.local.graph import LocalGraph
from tradewind.sdk.local.rules import Upstream, Verdict, verdict

_WELL = (TaskInstanceState.SUCCESS, TaskInstanceState.SKIPPED)
_BADLY = (TaskInstanceState.FAILED, TaskInstanceState.UPSTREAM_FAILED)
LONGEST_BACKOFF_SECONDS = 86_400.0
"""The pause between tries grows to a day at most where the task says nothing, as in Airflow."""


@dataclass
class LocalInstance:
    """A task instance.

    Attributes:
        state: its state.
        tries: tries so far.
        failures: failed tries since it was last cleared.
        retry_at: when the next try is due, in `up_for_retry`.
        skips: tasks that it declared not needed when it succeeded.
    """

    task: SerializedTask
    state: TaskInstanceState = TaskInstanceState.NONE
    tries: int = 0
    failures: int = 0
    retry_at: dt.datetime | None = None
    skips: frozenset[str] = frozenset()
    history: list[TaskInstanceEvent] = field(default_factory=list)

    def happen(self, event: TaskInstanceEvent) -> None:
        """Go on to the next state of the contract's table.

        Raises:
            KeyError: the table has no such event in this state.
        """
        self.state = TASK_INSTANCE_TRANSITIONS[self.state, event]
        self.history.append(event)


class RunModel:
    """A run of a DAG.

    Args:
        dag: the DAG.
        now: the moment at which the run begins; `advance` moves it.
        logical_date: the date that the run is about, if any.
        past: states of the tasks of the run before; None when there is none.
        past_logical_date: the date that the run before is about.
    """

    def __init__(
        self,
        dag: SerializedDag,
        *,
        now: dt.datetime,
        logical_date: dt.datetime | None = None,
        past: Mapping[str, TaskInstanceState] | None = None,
        past_logical_date: dt.datetime | None = None,
    ) -> None:
        self.dag = dag
        self.graph = LocalGraph(dag)
        self.now = now
        self.logical_date = logical_date
        self.past = past
        self.past_logical_date = past_logical_date
        self.state = DagRunState.QUEUED
        self.may_start = True
        self.started_at: dt.datetime | None = None
        self.end_cause: RunEndCause | None = None
        self.instances = {name: LocalInstance(task) for name, task in self.graph.tasks.items()}

    def settle(self) -> None:
        """Draw every consequence of what has happened so far."""
        self._start()
        while self.state is DagRunState.RUNNING or self._is_cancelled_before_start():
            if not any([self._time_out(), self._end_early(), self._retry(), self._judge()]):
                break
        self._finish()

    def claim(self, task_id: str) -> None:
        """The task instance is handed out: a new try."""
        instance = self.instances[task_id]
        instance.happen(TaskInstanceEvent.CLAIM)
        instance.tries += 1

    def start(self, task_id: str) -> None:
        """User code begins."""
        self.instances[task_id].happen(TaskInstanceEvent.START)

    def succeed(self, task_id: str, skips: frozenset[str] = frozenset()) -> None:
        """The try succeeded, and declared some tasks not needed."""
        self.instances[task_id].happen(TaskInstanceEvent.SUCCEED)
        self.instances[task_id].skips = skips

    def skip(self, task_id: str) -> None:
        """The try ended as skipped."""
        self.instances[task_id].happen(TaskInstanceEvent.SKIP)

    def fail(self, task_id: str, *, retryable: bool = True, delay_seconds: float | None = None) -> None:
        """The try failed.

        Args:
            task_id: whose try.
            retryable: whether another try is of use.
            delay_seconds: pause before it, as a retry policy decided.
        """
        instance = self.instances[task_id]
        if retryable and instance.failures < instance.task.retries:
            pause = self._pause(instance) if delay_seconds is None else delay_seconds
            instance.retry_at = self.now + dt.timedelta(seconds=pause)
            instance.happen(TaskInstanceEvent.RETRY)
        else:
            instance.happen(TaskInstanceEvent.FAIL)
            self._note_failure(instance)
        instance.failures += 1

    def lose(self, task_id: str) -> None:
        """The try was lost or interrupted; it counts as no failure."""
        self.instances[task_id].happen(TaskInstanceEvent.LOSE)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += dt.timedelta(seconds=seconds)

    def cancel(self) -> None:
        """Somebody cancels the run."""
        if self.end_cause is None:
            self.end_cause = RunEndCause.CANCELLED

    def clear(self, *task_ids: str) -> None:
        """Somebody clears task instances: they may run again, with all their tries."""
        for name in task_ids:
            instance = self.instances[name]
            if instance.state is not TaskInstanceState.NONE:
                instance.happen(TaskInstanceEvent.CLEAR)
            instance.failures, instance.retry_at, instance.skips = 0, None, frozenset()
        if self.state in {DagRunState.SUCCESS, DagRunState.FAILED}:
            self.state, self.end_cause, self.started_at = DagRunState.QUEUED, None, None

    def mark(self, task_id: str, event: TaskInstanceEvent) -> None:
        """Somebody sets the state of a task instance by hand.

        Args:
            task_id: whose state.
            event: `MARK_SUCCESS`, `MARK_FAILED` or `MARK_SKIPPED`.
        """
        instance = self.instances[task_id]
        instance.happen(event)
        instance.retry_at = None
        if instance.state is TaskInstanceState.FAILED:
            self._note_failure(instance)

    @property
    def next_due(self) -> dt.datetime | None:
        """The next moment at which something happens by itself."""
        moments = [instance.retry_at for instance in self.instances.values() if instance.retry_at is not None]
        if (deadline := self._deadline()) is not None and self.end_cause is None:
            moments.append(deadline)
        return min(moments, default=None)

    def _note_failure(self, instance: LocalInstance) -> None:
        if self.dag.fail_fast and not instance.task.is_teardown and self.end_cause is None:
            self.end_cause = RunEndCause.FAILED_FAST

    def _start(self) -> None:
        if self.state is DagRunState.QUEUED and self.may_start and self.end_cause is None:
            self.state, self.started_at = DagRunState.RUNNING, self.now

    def _is_cancelled_before_start(self) -> bool:
        return self.state is DagRunState.QUEUED and self.end_cause is not None

    def _deadline(self) -> dt.datetime | None:
        seconds = self.dag.dagrun_timeout_seconds
        if self.started_at is None or seconds is None:
            return None
        return self.started_at + dt.timedelta(seconds=seconds)

    def _time_out(self) -> bool:
        deadline = self._deadline()
        if self.end_cause is not None or deadline is None or self.now < deadline:
            return False
        self.end_cause = RunEndCause.TIMED_OUT
        return True

    def _end_early(self) -> bool:
        """When the run has to end, everything does but teardown tasks, which clean up."""
        if self.end_cause is None:
            return False
        event = TaskInstanceEvent.TIME_OUT if self.end_cause is RunEndCause.TIMED_OUT else TaskInstanceEvent.ABANDON
        ended = [
            instance
            for instance in self.instances.values()
            if instance.state not in TASK_INSTANCE_FINAL and not instance.task.is_teardown
        ]
        for instance in ended:
            instance.happen(event)
            instance.retry_at = None
        return bool(ended)

    def _retry(self) -> bool:
        due = [one for one in self.instances.values() if one.retry_at is not None and one.retry_at <= self.now]
        for instance in due:
            instance.happen(TaskInstanceEvent.RETRY_DUE)
            instance.retry_at = None
        return bool(due)

    def _judge(self) -> bool:
        """Judge the first task that something follows for."""
        for name, instance in self.instances.items():
            if instance.state is TaskInstanceState.NONE and (event := self._event(name)) is not None:
                instance.happen(event)
                return True
        return False

    def _event(self, name: str) -> TaskInstanceEvent | None:
        task = self.graph.tasks[name]
        past_met = self._past_is_met(task)
        may_skip = past_met or not task.wait_for_past_depends_before_skipping
        if self._is_declared_needless(name) or self._is_outside_of_dates(task):
            return TaskInstanceEvent.SKIPPED_BY_TASK if may_skip else None
        found = self._verdict(name, task)
        if found is Verdict.FAIL:
            return TaskInstanceEvent.UPSTREAM_FAILED
        if found is Verdict.SKIP:
            return TaskInstanceEvent.UPSTREAM_SKIPPED if may_skip else None
        return TaskInstanceEvent.READY if found is Verdict.RUN and past_met else None

    def _verdict(self, name: str, task: SerializedTask) -> Verdict:
        by_setups = self._verdict_of_setups(name, task)
        if by_setups in {Verdict.FAIL, Verdict.SKIP}:
            return by_setups
        by_rule = self._verdict_of_rule(name, task)
        if by_rule is not Verdict.RUN:
            return by_rule
        return by_setups if self._scope_has_ended(name, task) else Verdict.WAIT

    def _verdict_of_setups(self, name: str, task: SerializedTask) -> Verdict:
        """What the setup tasks further above say."""
        if task.is_teardown or task.trigger_rule is TriggerRule.ALWAYS:
            return Verdict.RUN
        setups = [self.instances[setup].state for setup in self.graph.setups_of(name)]
        if any(state in _BADLY for state in setups):
            return Verdict.FAIL
        if TaskInstanceState.SKIPPED in setups:
            return Verdict.SKIP
        return Verdict.RUN if all(state is TaskInstanceState.SUCCESS for state in setups) else Verdict.WAIT

    def _scope_has_ended(self, name: str, task: SerializedTask) -> bool:
        """Whether nothing is left that uses what a teardown task takes away."""
        if not task.is_teardown or task.trigger_rule is TriggerRule.ALWAYS:
            return True
        return all(self.instances[other].state in TASK_INSTANCE_FINAL for other in self.graph.scope_of(name))

    def _verdict_of_rule(self, name: str, task: SerializedTask) -> Verdict:
        sources = self.graph.upstream[name]
        return verdict(
            task.trigger_rule,
            Upstream(
                states=[self.instances[source].state for source in sources],
                setups=[self.instances[source].state for source in sources if self.graph.tasks[source].is_setup],
            ),
        )

    def _is_declared_needless(self, name: str) -> bool:
        return any(name in other.skips for other in self.instances.values() if other.state is TaskInstanceState.SUCCESS)

    def _is_outside_of_dates(self, task: SerializedTask) -> bool:
        date = self.logical_date
        if date is None:
            return False
        return (task.start_date is not None and date < task.start_date) or (
            task.end_date is not None and date > task.end_date
        )

    def _past_is_met(self, task: SerializedTask) -> bool:
        if not (task.depends_on_past or task.wait_for_downstream):
            return True
        if self.past is None or self._past_was_too_early(task):
            return True
        if task.task_id not in self.past:
            return task.ignore_first_depends_on_past
        names = [task.task_id]
        if task.wait_for_downstream:
            names += [name for name in self.graph.downstream[task.task_id] if name in self.past]
        return all(self.past[name] in _WELL for name in names)

    def _past_was_too_early(self, task: SerializedTask) -> bool:
        date = self.past_logical_date
        return date is not None and task.start_date is not None and date < task.start_date

    def _pause(self, instance: LocalInstance) -> float:
        task = instance.task
        pause = task.retry_delay_seconds
        if task.retry_backoff != 1:
            pause = min(pause * task.retry_backoff**instance.failures, LONGEST_BACKOFF_SECONDS)
        return pause if task.max_retry_delay_seconds is None else min(pause, task.max_retry_delay_seconds)

    def _finish(self) -> None:
        if any(instance.state not in TASK_INSTANCE_FINAL for instance in self.instances.values()):
            return
        if self.state is DagRunState.RUNNING or self._is_cancelled_before_start():
            deciding = [self.instances[name].state for name in self.graph.deciding()]
            well = all(state in _WELL for state in deciding) and self.end_cause is None
            self.state = DagRunState.SUCCESS if well else DagRunState.FAILED

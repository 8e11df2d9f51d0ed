"""Carries out one run of a DAG in this process: the model says what is next, and tasks run one after the other."""

from __future__ import annotations

import datetime as dt
import logging
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tradewind.sdk.authoring.params import ParamsDict, run_params
from tradewind.sdk.authoring.serialize import serialize_dag
from tradewind.sdk.authoring.xcom import use_xcom_settings, xcom_settings_of
from tradewind.sdk.contract import (
    Assignment,
    CodeReference,
    DagRunContext,
    DagRunState,
    DagRunType,
    ExecuteTask,
    Isolation,
    OnCut,
    RunSummary,
    Secrets,
    TaskError,
    TaskFailed,
    TaskInstanceState,
    TaskSkipped,
    TaskSucceeded,
    TaskTryReference,
    TriggeredBy,
)
from tradewind.sdk.exceptions import DagAuthoringError, TradewindException
from tradewind.sdk.local.clock import LocalClock
from tradewind.sdk.local.deployment import LocalDeployment
from tradewind.sdk.local.interval import data_interval
from tradewind.sdk.local.model import RunModel
from tradewind.sdk.local.results import LocalRun, LocalTaskInstance
from tradewind.sdk.local.transport import LocalTransport
from tradewind.sdk.masking import Masker
from tradewind.sdk.parsing.loading import LoadedFile
from tradewind.sdk.runtime.task_run import run_task

if TYPE_CHECKING:
    from tradewind.sdk.authoring.dag import DAG

_NO_DIGEST = "0" * 64


@dataclass
class _Times:
    start: dt.datetime
    end: dt.datetime | None = None
    error: TaskError | None = None


class LocalRunner:
    """One run.

    Args:
        dag: the DAG.
        clock: tells the time; waits are leaps of it.
        deployment: variables, connections and XComs.
        run: what the run is.
        conf: configuration that tasks can read.
        marked: tasks that count as successful without being run.
    """

    def __init__(
        self,
        dag: DAG,
        *,
        clock: LocalClock,
        deployment: LocalDeployment,
        run: RunSummary,
        conf: Mapping[str, Any],
        marked: re.Pattern[str] | None = None,
    ) -> None:
        self._dag = dag
        self._clock = clock
        self._deployment = deployment
        self._run = run
        self._conf = dict(conf)
        self._marked = marked
        directory, file = os.path.split(dag.fileloc)
        self._file = LoadedFile(directory, file, {dag.dag_id: dag})
        self._model = RunModel(
            serialize_dag(dag), now=clock.now(), logical_date=run.logical_date, past=deployment.states_before(run)
        )
        self._times: dict[str, _Times] = {}

    def run(self) -> LocalRun:
        """Carry out the run.

        Raises:
            TradewindException: tasks wait for something that never comes, such as a run before this one.
            KeyboardInterrupt: somebody pressed Ctrl-C.
        """
        use_xcom_settings(*xcom_settings_of(os.environ))
        started = self._clock.now()
        self._deployment.begin(self._run)
        self._settle()
        with _log_shown():
            while self._model.state is DagRunState.RUNNING:
                task_id = self._next_task()
                if task_id is not None:
                    self._run_task(task_id)
                else:
                    self._wait()
                self._settle()
        return self._result(started)

    def _settle(self) -> None:
        self._model.now = self._clock.now()
        self._model.settle()

    def _next_task(self) -> str | None:
        """The first task that may run, by priority, then in the order of the graph."""
        ready = [
            name for name, instance in self._model.instances.items() if instance.state is TaskInstanceState.SCHEDULED
        ]
        return max(ready, key=lambda name: self._model.instances[name].task.priority_weight, default=None)

    def _wait(self) -> None:
        due = self._model.next_due
        if due is None:
            waiting = [
                name for name, instance in self._model.instances.items() if instance.state is TaskInstanceState.NONE
            ]
            raise TradewindException(
                f"The run of DAG {self._dag.dag_id!r} cannot go on: {', '.join(waiting)} wait for the run before it."
            )
        self._clock.leap_to(due)

    def _run_task(self, task_id: str) -> None:
        self._model.claim(task_id)
        self._model.start(task_id)
        times = self._times[task_id] = _Times(self._clock.now())
        if self._marked is not None and self._marked.fullmatch(task_id):
            self._model.succeed(task_id)
            times.end = self._clock.now()
            return
        outcome = self._outcome(task_id)
        times.end = self._clock.now()
        self._model.now = times.end
        if isinstance(outcome, TaskSucceeded):
            for entry in outcome.xcoms:
                self._deployment.xcoms[self._run.dag_id, self._run.run_id, task_id, entry.key] = entry.value
            self._model.succeed(task_id, frozenset(outcome.skips or ()))
        elif isinstance(outcome, TaskSkipped):
            self._model.skip(task_id)
        else:
            times.error = outcome.error
            if outcome.error.type == KeyboardInterrupt.__name__:
                raise KeyboardInterrupt
            self._model.fail(
                task_id, retryable=outcome.error.retryable, delay_seconds=outcome.error.retry_delay_seconds
            )

    def _outcome(self, task_id: str) -> TaskSucceeded | TaskFailed | TaskSkipped:
        activity = self._activity(task_id)
        assignment = Assignment(
            dispatch_id=str(uuid.uuid4()),
            activity=activity,
            secrets=Secrets(connections=[], variables=[]),
            snapshot_directory=self._file.directory,
        )
        transport = LocalTransport(self._deployment, self._run, task_id, self._clock.now)
        self._forget_xcoms(task_id)
        return run_task(assignment, activity, transport, self._file, Masker(()))

    def _forget_xcoms(self, task_id: str) -> None:
        """A new try begins without what an earlier one left."""
        own = (self._run.dag_id, self._run.run_id, task_id)
        for place in [place for place in self._deployment.xcoms if place[:3] == own]:
            del self._deployment.xcoms[place]

    def _activity(self, task_id: str) -> ExecuteTask:
        instance = self._model.instances[task_id]
        run = self._run
        return ExecuteTask(
            task_try=TaskTryReference(
                dag_id=run.dag_id,
                run_id=run.run_id,
                task_id=task_id,
                map_index=-1,
                try_number=instance.tries,
                try_id=str(uuid.uuid4()),
            ),
            dag_run=DagRunContext(
                dag_id=run.dag_id,
                run_id=run.run_id,
                run_type=run.run_type,
                run_after=run.run_after,
                logical_date=run.logical_date,
                data_interval_start=run.data_interval_start,
                data_interval_end=run.data_interval_end,
                start_date=self._model.started_at,
                conf=self._conf,
                dag_version=1,
                triggered_by=TriggeredBy.TEST,
            ),
            code=CodeReference(bundle="local", snapshot=_NO_DIGEST, file=self._file.file),
            max_tries=instance.task.retries + 1,
            isolation=Isolation.FORK,
            on_cut=OnCut.CONTINUE,
            execution_timeout_seconds=instance.task.execution_timeout_seconds,
        )

    def _result(self, started: dt.datetime) -> LocalRun:
        ended = self._clock.now()
        run = self._run
        instances = {name: self._instance(name) for name in self._model.instances}
        summary = msgspec.structs.replace(run, state=self._model.state, start_date=started, end_date=ended)
        self._deployment.end(summary, {name: one.state for name, one in instances.items()})
        return LocalRun(
            dag_id=run.dag_id,
            run_id=run.run_id,
            run_type=run.run_type,
            state=self._model.state,
            run_after=run.run_after,
            logical_date=run.logical_date,
            data_interval_start=run.data_interval_start,
            data_interval_end=run.data_interval_end,
            start_date=started,
            end_date=ended,
            conf=self._conf,
            instances=instances,
            deployment=self._deployment,
        )

    def _instance(self, task_id: str) -> LocalTaskInstance:
        instance = self._model.instances[task_id]
        times = self._times.get(task_id)
        return LocalTaskInstance(
            dag_id=self._run.dag_id,
            run_id=self._run.run_id,
            task_id=task_id,
            state=instance.state,
            try_number=instance.tries,
            start_date=None if times is None else times.start,
            end_date=None if times is None else times.end,
            error=None if times is None else times.error,
        )


@contextmanager
def _log_shown() -> Iterator[None]:
    """Show the log of tasks on standard error, unless somebody has set up logging already."""
    root = logging.getLogger()
    if root.handlers:
        yield
        return
    level = root.level
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def run_locally(
    dag: DAG,
    *,
    run_after: dt.datetime | None = None,
    logical_date: dt.datetime | None = None,
    run_conf: Mapping[str, Any] | None = None,
    run_id: str | None = None,
    mark_success_pattern: str | None = None,
    clock: LocalClock | None = None,
    deployment: LocalDeployment | None = None,
) -> LocalRun:
    """Carry out one run of a DAG in this process, as `dag.test()` does.

    Args:
        dag: the DAG.
        run_after: moment from which the run may start; the clock leaps there.
        logical_date: the date that the run is about; now when None.
        run_conf: configuration that tasks can read.
        run_id: name of the run; made from the date when None.
        mark_success_pattern: regular expression; tasks whose whole id fits it count as successful without being run.
        clock: tells the time.
        deployment: variables, connections and XComs; those of an earlier run to go on from it.

    Raises:
        DagAuthoringError: the DAG or the pattern is wrong, or a param has no value or one that cannot be.
        TradewindException: tasks wait for something that never comes.
    """
    run_params(dag.params, ParamsDict(), run_conf)  # a run whose params cannot be is not created
    clock = clock or LocalClock()
    if run_after is not None:
        clock.leap_to(run_after)
    date = logical_date or clock.now()
    start, end = data_interval(serialize_dag(dag).timetable, date)
    run = RunSummary(
        dag_id=dag.dag_id,
        run_id=run_id or f"{DagRunType.MANUAL}__{date.isoformat()}",
        run_type=DagRunType.MANUAL,
        state=DagRunState.RUNNING,
        run_after=run_after or clock.now(),
        logical_date=date,
        data_interval_start=start,
        data_interval_end=end,
    )
    try:
        marked = None if mark_success_pattern is None else re.compile(mark_success_pattern)
    except re.error as error:
        raise DagAuthoringError(f"mark_success_pattern is no regular expression: {error}.") from error
    runner = LocalRunner(
        dag, clock=clock, deployment=deployment or LocalDeployment(), run=run, conf=run_conf or {}, marked=marked
    )
    return runner.run()

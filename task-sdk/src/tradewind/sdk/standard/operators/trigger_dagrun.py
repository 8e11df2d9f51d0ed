"""`TriggerDagRunOperator`: a task that asks for a run of a DAG, and may wait for its end."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from tradewind.sdk.authoring.context import Context, running_task
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.authoring.unsupported import refuse_argument
from tradewind.sdk.contract import DagRunState, RunSummary
from tradewind.sdk.exceptions import DagAuthoringError, DagRunAlreadyExists, TradewindException, TradewindSkipException

XCOM_RUN_ID = "trigger_run_id"
NOTSET = object()
"""What a logical date is that was not given: None asks for a run without one."""


class TriggerDagRunOperator(BaseOperator):
    """Asks for a run of a DAG. A constant `trigger_dag_id` is declared as what the task may trigger.

    The id of the run is left as the XCom `trigger_run_id`.

    Args:
        trigger_dag_id: the DAG.
        trigger_run_id: name of the run; made from its date when None.
        conf: configuration that its tasks can read; a JSON object.
        logical_date: the date that the run is about, as a datetime or ISO 8601; the present when not given, and None
            for a run without one.
        run_after: moment from which the run may start, as a datetime or ISO 8601; at once when not given.
        reset_dag_run: whether a run of this name that exists is cleared and starts again.
        wait_for_completion: whether to wait for the end of the run.
        poke_interval: seconds between two looks at the run.
        allowed_states: states of the run that end the wait well; `success` when None.
        failed_states: states of the run that fail the task; `failed` when None.
        skip_when_already_exists: whether the task ends as skipped when there is such a run.
        note: words about the run.
        openlineage_inject_parent_info: accepted, as in Airflow, which heeds it where OpenLineage is installed.
        others: as for `BaseOperator`. `fail_when_dag_is_paused` and `deferrable` are not supported yet.
    """

    template_fields: Collection[str] = (
        "trigger_dag_id",
        "trigger_run_id",
        "logical_date",
        "run_after",
        "conf",
        "wait_for_completion",
        "skip_when_already_exists",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"conf": "py"}
    ui_color = "#ffefeb"

    def __init__(
        self,
        *,
        trigger_dag_id: str,
        trigger_run_id: str | None = None,
        conf: Mapping[str, Any] | str | None = None,
        logical_date: str | dt.datetime | object | None = NOTSET,
        run_after: str | dt.datetime | object | None = NOTSET,
        reset_dag_run: bool = False,
        wait_for_completion: bool = False,
        poke_interval: float = 60,
        allowed_states: Collection[str | DagRunState] | None = None,
        failed_states: Collection[str | DagRunState] | None = None,
        skip_when_already_exists: bool = False,
        fail_when_dag_is_paused: bool = False,
        deferrable: bool = False,
        note: str | None = None,
        openlineage_inject_parent_info: bool = True,
        **others: Any,
    ) -> None:
        if "{" not in str(trigger_dag_id):
            others["trigger_dags"] = [*(others.get("trigger_dags") or ()), str(trigger_dag_id)]
        super().__init__(**others)
        me = f"task {self.task_id!r}"
        if fail_when_dag_is_paused:
            raise refuse_argument("fail_when_dag_is_paused", True, "asking whether a DAG is paused", me)  # noqa: FBT003
        if deferrable:
            raise refuse_argument("deferrable", True, "deferrable tasks", me)  # noqa: FBT003
        for name, date in (("logical_date", logical_date), ("run_after", run_after)):
            if date is not NOTSET and not isinstance(date, str | dt.datetime | type(None)):
                raise DagAuthoringError(f"{name} of {me} must be a datetime, a string or None, not {date!r}.")
        self.trigger_dag_id = trigger_dag_id
        self.trigger_run_id = trigger_run_id
        self.conf = conf
        self.logical_date = logical_date
        self.run_after = run_after
        self.reset_dag_run = reset_dag_run
        self.wait_for_completion = wait_for_completion
        self.poke_interval = poke_interval
        self.allowed_states = _states(allowed_states, DagRunState.SUCCESS, "allowed_states", me)
        self.failed_states = _states(failed_states, DagRunState.FAILED, "failed_states", me)
        self.skip_when_already_exists = skip_when_already_exists
        self.note = note
        self.openlineage_inject_parent_info = openlineage_inject_parent_info

    def execute(self, context: Context) -> None:
        server = running_task("TriggerDagRunOperator")
        date = self._date("logical_date", dt.datetime.now(dt.UTC))
        try:
            run = server.trigger_run(
                self.trigger_dag_id,
                run_id=self.trigger_run_id or f"manual__{(date or dt.datetime.now(dt.UTC)).isoformat()}",
                logical_date=date,
                run_after=self._date("run_after", None),
                conf=self._conf(),
                note=self.note,
                reset=self.reset_dag_run,
            )
        except DagRunAlreadyExists as error:
            if _is_true(self.skip_when_already_exists):
                raise TradewindSkipException(f"Skipped: {error}") from error
            raise
        self.log.info("Triggered run %s of DAG %s.", run.run_id, run.dag_id)
        context["ti"].xcom_push(XCOM_RUN_ID, run.run_id)
        if _is_true(self.wait_for_completion):
            self._wait(server, run)

    def _wait(self, server: Any, run: RunSummary) -> None:
        while True:
            found = server.get_run(run.dag_id, run.run_id)
            if found is None:
                raise TradewindException(f"Run {run.run_id} of DAG {run.dag_id} is gone.")
            if found.state in self.failed_states:
                raise TradewindException(f"{run.dag_id} failed with failed state {found.state}")
            if found.state in self.allowed_states:
                self.log.info("Run %s of DAG %s ended in %s.", run.run_id, run.dag_id, found.state)
                return
            self.log.info("Run %s of DAG %s is %s.", run.run_id, run.dag_id, found.state)
            time.sleep(self.poke_interval)

    def _date(self, name: str, otherwise: dt.datetime | None) -> dt.datetime | None:
        given = getattr(self, name)
        if given is NOTSET:
            return otherwise
        if given is None:
            return None
        moment = given if isinstance(given, dt.datetime) else _moment(name, str(given), self.task_id)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)

    def _conf(self) -> dict[str, Any]:
        conf = self.conf
        try:
            plain = json.loads(conf) if isinstance(conf, str) else json.loads(json.dumps(conf or {}, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise TradewindException(f"conf of task {self.task_id!r} must be JSON: {error}.") from error
        if not isinstance(plain, dict):
            raise TradewindException(f"conf of task {self.task_id!r} must be a JSON object, not {plain!r}.")
        return plain


def _states(
    given: Collection[str | DagRunState] | None, default: DagRunState, name: str, owner: str
) -> frozenset[DagRunState]:
    try:
        return frozenset({default}) if given is None else frozenset(DagRunState(str(state)) for state in given)
    except ValueError:
        known = ", ".join(DagRunState)
        raise DagAuthoringError(f"{name} of {owner} is {given!r}; states of a run are {known}.") from None


def _moment(name: str, text: str, task_id: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        raise TradewindException(
            f"{name} of task {task_id!r} is {text!r}; it must be ISO 8601, such as 2026-03-01T06:00:00Z."
        ) from None


def _is_true(value: object) -> bool:
    """Whether a flag is set that a template may have made a text of."""
    return value.strip().lower() in {"true", "1", "yes"} if isinstance(value, str) else bool(value)

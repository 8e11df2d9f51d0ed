"""What must hold between the parts of a DAG: its schedule and its params, its setup tasks and what follows them."""

from __future__ import annotations

from collections.abc import Iterable

from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.authoring.params import ParamsDict
from tradewind.sdk.authoring.timetables import Timetable
from tradewind.sdk.authoring.trigger_rule import TriggerRule
from tradewind.sdk.exceptions import DagAuthoringError, FailFastDagInvalidTriggerRule, ParamValidationError

_RULES_OF_FAIL_FAST = (TriggerRule.ALL_SUCCESS, TriggerRule.ALL_DONE_SETUP_SUCCESS)


def check_schedule(
    timetable: Timetable, params: ParamsDict, owner: str, *, max_active_runs: int, catches_up_from_nowhere: bool
) -> None:
    """Check that runs of a DAG can be scheduled.

    Args:
        timetable: when they come due.
        params: what they can be given.
        owner: the DAG in words.
        max_active_runs: runs that may be running at once.
        catches_up_from_nowhere: whether all moments since a start date are wanted, and there is none.

    Raises:
        DagAuthoringError: too many runs at once for the timetable, or no start date.
        ParamValidationError: a param has no default that meets its schema.
    """
    limit = timetable.active_runs_limit
    if limit is not None and max_active_runs > limit:
        raise DagAuthoringError(
            f"max_active_runs of {owner} is {max_active_runs}; with its schedule at most {limit} is allowed."
        )
    if not timetable.can_be_scheduled:
        return
    if catches_up_from_nowhere:
        raise DagAuthoringError(f"{owner} has catchup=True and no start_date; say from when on runs are to be made.")
    try:
        params.validate()
    except ParamValidationError as error:
        raise ParamValidationError(
            f"{owner} has a schedule, so that each param needs a default that meets its schema. {error}"
        ) from None


def check_setups(tasks: Iterable[BaseOperator], owner: str) -> None:
    """Check what stands behind setup tasks.

    Raises:
        DagAuthoringError: a task right behind a setup task, other than a teardown task, has another trigger rule than
            `all_success`.
    """
    for task in tasks:
        for after in task.downstream_list if task.is_setup else ():
            if not after.is_teardown and after.trigger_rule != TriggerRule.ALL_SUCCESS:
                raise DagAuthoringError(
                    f"Task {after.task_id!r} of {owner} comes right after the setup task {task.task_id!r} and has the "
                    f"trigger rule {str(after.trigger_rule)!r}; setup tasks must be followed with the trigger rule "
                    "'all_success'."
                )


def check_fail_fast(tasks: Iterable[BaseOperator], owner: str) -> None:
    """Check the tasks of a DAG whose runs end at the first failure.

    Raises:
        FailFastDagInvalidTriggerRule: one has a trigger rule that lets it run after failures.
    """
    for task in tasks:
        if task.trigger_rule not in _RULES_OF_FAIL_FAST:
            raise FailFastDagInvalidTriggerRule(
                f"Task {task.task_id!r} has the trigger rule {str(task.trigger_rule)!r}; {owner} has fail_fast=True "
                "and can hold only tasks with the trigger rule 'all_success'."
            )

# Code generated from schemas/head by tools.contract. DO NOT EDIT.
"""State tables: (state, event) to state."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from tradewind.sdk.contract._generated.wire import DagRunState, TaskInstanceState


class TaskInstanceEvent(enum.StrEnum):
    """What can happen to the state of a task instance."""

    READY = "ready"
    UPSTREAM_FAILED = "upstream_failed"
    UPSTREAM_SKIPPED = "upstream_skipped"
    CLAIM = "claim"
    START = "start"
    SUCCEED = "succeed"
    FAIL = "fail"
    RETRY = "retry"
    SKIP = "skip"
    LOSE = "lose"
    RETRY_DUE = "retry_due"


TASK_INSTANCE_INITIAL: Final = TaskInstanceState.NONE
TASK_INSTANCE_FINAL: Final = frozenset({TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SKIPPED, TaskInstanceState.UPSTREAM_FAILED})
TASK_INSTANCE_TRANSITIONS: Final[Mapping[tuple[TaskInstanceState, TaskInstanceEvent], TaskInstanceState]] = {
    # the trigger rule is met
    (TaskInstanceState.NONE, TaskInstanceEvent.READY): TaskInstanceState.SCHEDULED,
    # the trigger rule can not be met because an upstream task failed
    (TaskInstanceState.NONE, TaskInstanceEvent.UPSTREAM_FAILED): TaskInstanceState.UPSTREAM_FAILED,
    # the trigger rule can not be met because an upstream task was skipped
    (TaskInstanceState.NONE, TaskInstanceEvent.UPSTREAM_SKIPPED): TaskInstanceState.SKIPPED,
    # an executor with capacity took it
    (TaskInstanceState.SCHEDULED, TaskInstanceEvent.CLAIM): TaskInstanceState.QUEUED,
    # the worker reported that user code starts
    (TaskInstanceState.QUEUED, TaskInstanceEvent.START): TaskInstanceState.RUNNING,
    # the outcome is success
    (TaskInstanceState.QUEUED, TaskInstanceEvent.SUCCEED): TaskInstanceState.SUCCESS,
    # the outcome is failed and no further try is due
    (TaskInstanceState.QUEUED, TaskInstanceEvent.FAIL): TaskInstanceState.FAILED,
    # the outcome is failed and a further try is due
    (TaskInstanceState.QUEUED, TaskInstanceEvent.RETRY): TaskInstanceState.UP_FOR_RETRY,
    # the outcome is skipped
    (TaskInstanceState.QUEUED, TaskInstanceEvent.SKIP): TaskInstanceState.SKIPPED,
    # the try was lost or interrupted; it counts as no failure
    (TaskInstanceState.QUEUED, TaskInstanceEvent.LOSE): TaskInstanceState.SCHEDULED,
    # the outcome is success
    (TaskInstanceState.RUNNING, TaskInstanceEvent.SUCCEED): TaskInstanceState.SUCCESS,
    # the outcome is failed and no further try is due
    (TaskInstanceState.RUNNING, TaskInstanceEvent.FAIL): TaskInstanceState.FAILED,
    # the outcome is failed and a further try is due
    (TaskInstanceState.RUNNING, TaskInstanceEvent.RETRY): TaskInstanceState.UP_FOR_RETRY,
    # the outcome is skipped
    (TaskInstanceState.RUNNING, TaskInstanceEvent.SKIP): TaskInstanceState.SKIPPED,
    # the try was lost or interrupted; it counts as no failure
    (TaskInstanceState.RUNNING, TaskInstanceEvent.LOSE): TaskInstanceState.SCHEDULED,
    # the retry delay has passed
    (TaskInstanceState.UP_FOR_RETRY, TaskInstanceEvent.RETRY_DUE): TaskInstanceState.SCHEDULED,
}

class DagRunEvent(enum.StrEnum):
    """What can happen to the state of a dag run."""

    START = "start"
    SUCCEED = "succeed"
    FAIL = "fail"


DAG_RUN_INITIAL: Final = DagRunState.QUEUED
DAG_RUN_FINAL: Final = frozenset({DagRunState.SUCCESS, DagRunState.FAILED})
DAG_RUN_TRANSITIONS: Final[Mapping[tuple[DagRunState, DagRunEvent], DagRunState]] = {
    # its DAG is not paused and has a free run slot
    (DagRunState.QUEUED, DagRunEvent.START): DagRunState.RUNNING,
    # every leaf task instance ended in success or skipped
    (DagRunState.RUNNING, DagRunEvent.SUCCEED): DagRunState.SUCCESS,
    # all ended and a leaf failed or was not reached
    (DagRunState.RUNNING, DagRunEvent.FAIL): DagRunState.FAILED,
}

__all__ = [
    "DAG_RUN_FINAL",
    "DAG_RUN_INITIAL",
    "DAG_RUN_TRANSITIONS",
    "DagRunEvent",
    "TASK_INSTANCE_FINAL",
    "TASK_INSTANCE_INITIAL",
    "TASK_INSTANCE_TRANSITIONS",
    "TaskInstanceEvent",
]

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
    SKIPPED_BY_TASK = "skipped_by_task"
    CLAIM = "claim"
    START = "start"
    SUCCEED = "succeed"
    FAIL = "fail"
    RETRY = "retry"
    SKIP = "skip"
    LOSE = "lose"
    RETRY_DUE = "retry_due"
    ABANDON = "abandon"
    TIME_OUT = "time_out"
    CLEAR = "clear"
    MARK_SUCCESS = "mark_success"
    MARK_FAILED = "mark_failed"
    MARK_SKIPPED = "mark_skipped"


TASK_INSTANCE_INITIAL: Final = TaskInstanceState.NONE
TASK_INSTANCE_FINAL: Final = frozenset({TaskInstanceState.SUCCESS, TaskInstanceState.FAILED, TaskInstanceState.SKIPPED, TaskInstanceState.UPSTREAM_FAILED})
TASK_INSTANCE_TRANSITIONS: Final[Mapping[tuple[TaskInstanceState, TaskInstanceEvent], TaskInstanceState]] = {
    # the trigger rule is met
    (TaskInstanceState.NONE, TaskInstanceEvent.READY): TaskInstanceState.SCHEDULED,
    # the trigger rule can not be met because an upstream task failed
    (TaskInstanceState.NONE, TaskInstanceEvent.UPSTREAM_FAILED): TaskInstanceState.UPSTREAM_FAILED,
    # the trigger rule can not be met because an upstream task was skipped
    (TaskInstanceState.NONE, TaskInstanceEvent.UPSTREAM_SKIPPED): TaskInstanceState.SKIPPED,
    # a task of the run decided that it is not needed, or its dates exclude it
    (TaskInstanceState.NONE, TaskInstanceEvent.SKIPPED_BY_TASK): TaskInstanceState.SKIPPED,
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
    # its run was cancelled or failed fast
    (TaskInstanceState.NONE, TaskInstanceEvent.ABANDON): TaskInstanceState.SKIPPED,
    # its run was cancelled or failed fast
    (TaskInstanceState.SCHEDULED, TaskInstanceEvent.ABANDON): TaskInstanceState.SKIPPED,
    # its run was cancelled or failed fast
    (TaskInstanceState.UP_FOR_RETRY, TaskInstanceEvent.ABANDON): TaskInstanceState.SKIPPED,
    # its run was cancelled or failed fast; the try is stopped
    (TaskInstanceState.QUEUED, TaskInstanceEvent.ABANDON): TaskInstanceState.FAILED,
    # its run was cancelled or failed fast; the try is stopped
    (TaskInstanceState.RUNNING, TaskInstanceEvent.ABANDON): TaskInstanceState.FAILED,
    # its run took longer than it may
    (TaskInstanceState.NONE, TaskInstanceEvent.TIME_OUT): TaskInstanceState.SKIPPED,
    # its run took longer than it may
    (TaskInstanceState.SCHEDULED, TaskInstanceEvent.TIME_OUT): TaskInstanceState.SKIPPED,
    # its run took longer than it may
    (TaskInstanceState.QUEUED, TaskInstanceEvent.TIME_OUT): TaskInstanceState.SKIPPED,
    # its run took longer than it may
    (TaskInstanceState.RUNNING, TaskInstanceEvent.TIME_OUT): TaskInstanceState.SKIPPED,
    # its run took longer than it may
    (TaskInstanceState.UP_FOR_RETRY, TaskInstanceEvent.TIME_OUT): TaskInstanceState.SKIPPED,
    # somebody cleared it; a live try is stopped
    (TaskInstanceState.SCHEDULED, TaskInstanceEvent.CLEAR): TaskInstanceState.NONE,
    # somebody cleared it; a live try is stopped
    (TaskInstanceState.QUEUED, TaskInstanceEvent.CLEAR): TaskInstanceState.NONE,
    # somebody cleared it; a live try is stopped
    (TaskInstanceState.RUNNING, TaskInstanceEvent.CLEAR): TaskInstanceState.NONE,
    # somebody cleared it; a live try is stopped
    (TaskInstanceState.UP_FOR_RETRY, TaskInstanceEvent.CLEAR): TaskInstanceState.NONE,
    # somebody cleared it; a live try is stopped
    (TaskInstanceState.SUCCESS, TaskInstanceEvent.CLEAR): TaskInstanceState.NONE,
    # somebody cleared it; a live try is stopped
    (TaskInstanceState.FAILED, TaskInstanceEvent.CLEAR): TaskInstanceState.NONE,
    # somebody cleared it; a live try is stopped
    (TaskInstanceState.SKIPPED, TaskInstanceEvent.CLEAR): TaskInstanceState.NONE,
    # somebody cleared it; a live try is stopped
    (TaskInstanceState.UPSTREAM_FAILED, TaskInstanceEvent.CLEAR): TaskInstanceState.NONE,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.NONE, TaskInstanceEvent.MARK_SUCCESS): TaskInstanceState.SUCCESS,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.SCHEDULED, TaskInstanceEvent.MARK_SUCCESS): TaskInstanceState.SUCCESS,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.QUEUED, TaskInstanceEvent.MARK_SUCCESS): TaskInstanceState.SUCCESS,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.RUNNING, TaskInstanceEvent.MARK_SUCCESS): TaskInstanceState.SUCCESS,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.UP_FOR_RETRY, TaskInstanceEvent.MARK_SUCCESS): TaskInstanceState.SUCCESS,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.FAILED, TaskInstanceEvent.MARK_SUCCESS): TaskInstanceState.SUCCESS,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.SKIPPED, TaskInstanceEvent.MARK_SUCCESS): TaskInstanceState.SUCCESS,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.UPSTREAM_FAILED, TaskInstanceEvent.MARK_SUCCESS): TaskInstanceState.SUCCESS,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.NONE, TaskInstanceEvent.MARK_FAILED): TaskInstanceState.FAILED,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.SCHEDULED, TaskInstanceEvent.MARK_FAILED): TaskInstanceState.FAILED,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.QUEUED, TaskInstanceEvent.MARK_FAILED): TaskInstanceState.FAILED,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.RUNNING, TaskInstanceEvent.MARK_FAILED): TaskInstanceState.FAILED,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.UP_FOR_RETRY, TaskInstanceEvent.MARK_FAILED): TaskInstanceState.FAILED,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.SUCCESS, TaskInstanceEvent.MARK_FAILED): TaskInstanceState.FAILED,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.SKIPPED, TaskInstanceEvent.MARK_FAILED): TaskInstanceState.FAILED,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.UPSTREAM_FAILED, TaskInstanceEvent.MARK_FAILED): TaskInstanceState.FAILED,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.NONE, TaskInstanceEvent.MARK_SKIPPED): TaskInstanceState.SKIPPED,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.SCHEDULED, TaskInstanceEvent.MARK_SKIPPED): TaskInstanceState.SKIPPED,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.QUEUED, TaskInstanceEvent.MARK_SKIPPED): TaskInstanceState.SKIPPED,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.RUNNING, TaskInstanceEvent.MARK_SKIPPED): TaskInstanceState.SKIPPED,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.UP_FOR_RETRY, TaskInstanceEvent.MARK_SKIPPED): TaskInstanceState.SKIPPED,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.SUCCESS, TaskInstanceEvent.MARK_SKIPPED): TaskInstanceState.SKIPPED,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.FAILED, TaskInstanceEvent.MARK_SKIPPED): TaskInstanceState.SKIPPED,
    # somebody set its state by hand; a live try is stopped
    (TaskInstanceState.UPSTREAM_FAILED, TaskInstanceEvent.MARK_SKIPPED): TaskInstanceState.SKIPPED,
}

class DagRunEvent(enum.StrEnum):
    """What can happen to the state of a dag run."""

    START = "start"
    SUCCEED = "succeed"
    FAIL = "fail"
    TIME_OUT = "time_out"
    CANCEL = "cancel"
    CLEAR = "clear"
    MARK_SUCCESS = "mark_success"
    MARK_FAILED = "mark_failed"


DAG_RUN_INITIAL: Final = DagRunState.QUEUED
DAG_RUN_FINAL: Final = frozenset({DagRunState.SUCCESS, DagRunState.FAILED})
DAG_RUN_TRANSITIONS: Final[Mapping[tuple[DagRunState, DagRunEvent], DagRunState]] = {
    # its DAG is not paused and has a free run slot
    (DagRunState.QUEUED, DagRunEvent.START): DagRunState.RUNNING,
    # every task instance that decides the run ended in success or skipped
    (DagRunState.RUNNING, DagRunEvent.SUCCEED): DagRunState.SUCCESS,
    # all ended and one that decides the run failed or was not reached
    (DagRunState.RUNNING, DagRunEvent.FAIL): DagRunState.FAILED,
    # it took longer than its DAG allows
    (DagRunState.RUNNING, DagRunEvent.TIME_OUT): DagRunState.FAILED,
    # somebody cancelled it, and no teardown task is left to run
    (DagRunState.QUEUED, DagRunEvent.CANCEL): DagRunState.FAILED,
    # somebody cancelled it, and no teardown task is left to run
    (DagRunState.RUNNING, DagRunEvent.CANCEL): DagRunState.FAILED,
    # some of its task instances were cleared
    (DagRunState.SUCCESS, DagRunEvent.CLEAR): DagRunState.QUEUED,
    # some of its task instances were cleared
    (DagRunState.FAILED, DagRunEvent.CLEAR): DagRunState.QUEUED,
    # somebody set its state by hand
    (DagRunState.QUEUED, DagRunEvent.MARK_SUCCESS): DagRunState.SUCCESS,
    # somebody set its state by hand
    (DagRunState.RUNNING, DagRunEvent.MARK_SUCCESS): DagRunState.SUCCESS,
    # somebody set its state by hand
    (DagRunState.FAILED, DagRunEvent.MARK_SUCCESS): DagRunState.SUCCESS,
    # somebody set its state by hand
    (DagRunState.QUEUED, DagRunEvent.MARK_FAILED): DagRunState.FAILED,
    # somebody set its state by hand
    (DagRunState.RUNNING, DagRunEvent.MARK_FAILED): DagRunState.FAILED,
    # somebody set its state by hand
    (DagRunState.SUCCESS, DagRunEvent.MARK_FAILED): DagRunState.FAILED,
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

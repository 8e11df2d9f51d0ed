"""Decorators of functions that make tasks, groups and DAGs."""

from tradewind.sdk.authoring.dag_decorator import dag
from tradewind.sdk.authoring.setup_teardown_decorators import setup, teardown
from tradewind.sdk.authoring.task_decorator import task
from tradewind.sdk.authoring.task_group_decorator import task_group

__all__ = ["dag", "setup", "task", "task_group", "teardown"]

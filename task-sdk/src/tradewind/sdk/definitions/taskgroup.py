"""Groups of tasks."""

from tradewind.sdk.authoring.task_group import TaskGroup

__all__ = ["TaskGroup"]

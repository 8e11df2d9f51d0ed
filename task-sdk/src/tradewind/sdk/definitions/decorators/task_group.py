"""The decorator of task groups under the name that it has in Airflow."""

from tradewind.sdk.authoring.task_group_decorator import task_group

__all__ = ["task_group"]

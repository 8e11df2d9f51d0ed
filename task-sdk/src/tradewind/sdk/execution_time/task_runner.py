"""The running task instance under the name that it has in Airflow, for annotations."""

from tradewind.sdk.runtime.task_instance import RuntimeTaskInstance

__all__ = ["RuntimeTaskInstance"]

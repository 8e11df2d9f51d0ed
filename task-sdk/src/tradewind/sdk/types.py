"""Types for annotations under the names that they have in Airflow."""

from tradewind.sdk.authoring.context import DagRun as DagRunProtocol
from tradewind.sdk.authoring.context import TaskInstance
from tradewind.sdk.authoring.context import TaskInstance as RuntimeTaskInstanceProtocol
from tradewind.sdk.runtime.instance_facts import TaskInstanceKey

__all__ = ["DagRunProtocol", "RuntimeTaskInstanceProtocol", "TaskInstance", "TaskInstanceKey"]

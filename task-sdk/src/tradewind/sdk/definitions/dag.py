"""DAGs."""

from tradewind.sdk.authoring.dag import DAG
from tradewind.sdk.authoring.dag_decorator import dag

__all__ = ["DAG", "dag"]

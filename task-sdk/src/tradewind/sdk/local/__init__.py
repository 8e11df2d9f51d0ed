"""Runs a DAG in one process, one task after the other: no server, no database. What `dag.test()` does."""

from tradewind.sdk.local.clock import LocalClock
from tradewind.sdk.local.deployment import LocalDeployment
from tradewind.sdk.local.results import LocalRun, LocalTaskInstance
from tradewind.sdk.local.runner import run_locally

__all__ = ["LocalClock", "LocalDeployment", "LocalRun", "LocalTaskInstance", "run_locally"]

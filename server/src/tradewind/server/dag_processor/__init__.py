"""Watches a directory of DAG files, publishes snapshots of it, and asks for the parses that a change needs."""

from tradewind.server.dag_processor.processor import DagProcessor

__all__ = ["DagProcessor"]

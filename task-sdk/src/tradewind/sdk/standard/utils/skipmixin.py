"""Skipping under the name that it has in Airflow."""

from tradewind.sdk.standard.skipping import SkipMixin

__all__ = ["SkipMixin"]

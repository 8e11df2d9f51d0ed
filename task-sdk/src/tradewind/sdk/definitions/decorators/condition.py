"""Conditions of tasks under the name that they have in Airflow."""

from tradewind.sdk.authoring.run_conditions import run_if, skip_if

__all__ = ["run_if", "skip_if"]

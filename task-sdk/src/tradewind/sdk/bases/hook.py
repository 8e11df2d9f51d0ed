"""Hooks under the name that they have in Airflow."""

from tradewind.sdk.authoring.hooks import BaseHook

__all__ = ["BaseHook"]

"""Functions for templates under the name that they have in Airflow."""

from tradewind.sdk.macros import datetime_diff_for_humans, ds_add, ds_format, ds_format_locale

__all__ = ["datetime_diff_for_humans", "ds_add", "ds_format", "ds_format_locale"]

"""Values that templates leave alone, under the name that they have in Airflow."""

from tradewind.sdk.authoring.xcom_arg import literal

__all__ = ["literal"]

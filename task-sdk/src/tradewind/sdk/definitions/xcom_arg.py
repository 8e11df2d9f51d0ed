"""Results of tasks as arguments."""

from tradewind.sdk.authoring.xcom_arg import XComArg

__all__ = ["XComArg"]

"""Where something is, and how to log in there."""

from tradewind.sdk.authoring.secrets import Connection

__all__ = ["Connection"]

"""Named texts of the deployment."""

from tradewind.sdk.authoring.secrets import Variable

__all__ = ["Variable"]

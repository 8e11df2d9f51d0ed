"""Words on edges."""

from tradewind.sdk.authoring.dependencies import EdgeModifier
from tradewind.sdk.authoring.edges import Label

__all__ = ["EdgeModifier", "Label"]

"""What a running task knows of itself."""

from tradewind.sdk.authoring.context import Context, get_current_context

__all__ = ["Context", "get_current_context"]

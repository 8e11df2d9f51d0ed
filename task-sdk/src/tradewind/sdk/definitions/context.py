"""What a running task knows of itself."""

from tradewind.sdk.authoring.context import Context, get_current_context
from tradewind.sdk.authoring.parsing_context import get_parsing_context

__all__ = ["Context", "get_current_context", "get_parsing_context"]

"""Several setup or teardown tasks as one context manager, and the decorators that make such tasks."""

from tradewind.sdk.authoring.setup_teardown import ContextWrapper, context_wrapper
from tradewind.sdk.authoring.setup_teardown_decorators import setup as setup_task
from tradewind.sdk.authoring.setup_teardown_decorators import teardown as teardown_task

__all__ = ["ContextWrapper", "context_wrapper", "setup_task", "teardown_task"]

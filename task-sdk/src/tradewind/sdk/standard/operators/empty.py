"""`EmptyOperator`: a task that does nothing, to join or to name what stands around it."""

from __future__ import annotations

from tradewind.sdk.authoring.context import Context
from tradewind.sdk.authoring.operator import BaseOperator


class EmptyOperator(BaseOperator):
    """Does nothing."""

    ui_color = "#e8f7e4"

    def execute(self, context: Context) -> None:
        """Nothing."""

"""`BaseBranchOperator`: a task that chooses which of the tasks behind it run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tradewind.sdk.authoring.context import Context
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.standard.skipping import BranchMixIn, SkipMixin


class BaseBranchOperator(BaseOperator, BranchMixIn):
    """Override `choose_branch`; what it does not choose is skipped."""

    def choose_branch(self, context: Context) -> str | Iterable[str] | None:
        """The id of a task or task group behind this one, several of them, or None to skip all.

        Args:
            context: the context of the task.
        """
        raise NotImplementedError(f"{type(self).__name__} must override choose_branch(context).")

    def execute(self, context: Context) -> Any:
        return self.do_branch(context, self.choose_branch(context))


__all__ = ["BaseBranchOperator", "BranchMixIn", "SkipMixin"]

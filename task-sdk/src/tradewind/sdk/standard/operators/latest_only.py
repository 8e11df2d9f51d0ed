"""`LatestOnlyOperator`: what stands behind it runs in the latest scheduled run only."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from tradewind.sdk.authoring.context import Context
from tradewind.sdk.standard.operators.branch import BaseBranchOperator


class LatestOnlyOperator(BaseBranchOperator):
    """Skips the tasks right behind it unless the run is the latest one of its schedule.

    A run that somebody triggered, and a run of a DAG without a schedule, count as the latest.
    """

    ui_color = "#e9ffdb"

    def choose_branch(self, context: Context) -> Iterable[str]:
        run = context["dag_run"]
        if str(run.run_type) != "scheduled":
            self.log.info("A %s run: the tasks behind this one go on.", run.run_type)
            return list(self.downstream_task_ids)
        following = run.next_run_after
        if following is not None and following <= dt.datetime.now(dt.UTC):
            self.log.info("Not the latest run: the next one was due at %s.", following.isoformat())
            return []
        self.log.info("The latest run: the tasks behind this one go on.")
        return list(self.downstream_task_ids)

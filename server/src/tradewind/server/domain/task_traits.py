"""What a task declares about when it may run, as the core needs it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tradewind.server.contract import SerializedTask, TriggerRule


@dataclass(frozen=True, slots=True)
class TaskTraits:
    """A task without its edges.

    Attributes:
        trigger_rule: which upstream states let it run.
        is_setup: whether what comes after it needs its success.
        is_teardown: whether it cleans up, also when its run has to end.
        on_failure_fail_dagrun: whether a teardown has a say in how the run ends.
        depends_on_past: whether the same task of the run before must have ended well.
        wait_for_downstream: the same, and its direct downstream tasks there must have ended well, too.
        ignore_first_depends_on_past: whether it may go ahead where the run before does not have it.
        wait_for_past_depends_before_skipping: whether even skipping it waits for the run before.
        start_date: first logical date that it is for.
        end_date: last logical date that it is for.
    """

    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCESS
    is_setup: bool = False
    is_teardown: bool = False
    on_failure_fail_dagrun: bool = False
    depends_on_past: bool = False
    wait_for_downstream: bool = False
    ignore_first_depends_on_past: bool = True
    wait_for_past_depends_before_skipping: bool = False
    start_date: datetime | None = None
    end_date: datetime | None = None

    @classmethod
    def of(cls, task: SerializedTask) -> TaskTraits:
        """The traits of a task as its parse reported it."""
        return cls(
            trigger_rule=task.trigger_rule,
            is_setup=task.is_setup,
            is_teardown=task.is_teardown,
            on_failure_fail_dagrun=task.on_failure_fail_dagrun,
            depends_on_past=task.depends_on_past,
            wait_for_downstream=task.wait_for_downstream,
            ignore_first_depends_on_past=task.ignore_first_depends_on_past,
            wait_for_past_depends_before_skipping=task.wait_for_past_depends_before_skipping,
            start_date=task.start_date,
            end_date=task.end_date,
        )

    @property
    def looks_back(self) -> bool:
        """Whether it depends on the run before; waiting for its downstream tasks there includes waiting for itself."""
        return self.depends_on_past or self.wait_for_downstream

    @property
    def is_ignorable(self) -> bool:
        """Whether the run ends as if it were not there: a teardown that has no say."""
        return self.is_teardown and not self.on_failure_fail_dagrun

    def excludes(self, logical_date: datetime | None) -> bool:
        """Whether a run about this date has no use for it; one about no date has."""
        if logical_date is None:
            return False
        too_early = self.start_date is not None and logical_date < self.start_date
        return too_early or (self.end_date is not None and logical_date > self.end_date)

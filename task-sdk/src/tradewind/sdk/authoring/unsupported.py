"""What Airflow knows and this version does not: one table of arguments and one of names, each refused by a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tradewind.sdk.exceptions import UnsupportedArgumentError, UnsupportedFeatureError

PRODUCT = "this version of Tradewind"


@dataclass(frozen=True)
class Unsupported:
    """An argument of Airflow that has no effect here.

    Args:
        feature: what it stands for.
        unused: values by which Airflow, too, leaves the feature unused; they are accepted.
        remedy: what to do about it.
    """

    feature: str
    unused: tuple[Any, ...] = (None,)
    remedy: str = "Remove the argument."

    def is_used(self, value: object) -> bool:
        """Whether this value asks for the feature."""
        return not any(type(value) is type(other) and value == other for other in self.unused)


_FLAG = (None, False)
_NONE_OR_EMPTY: tuple[Any, ...] = (None, [], (), {}, "")

UNSUPPORTED_TIMETABLES = "schedules by assets, and timetables of your own"
"""What a schedule of a kind that only Airflow knows stands for."""

DAG_ARGUMENTS: Mapping[str, Unsupported] = {
    "deadline": Unsupported("deadlines"),
    "on_success_callback": Unsupported("callbacks", _NONE_OR_EMPTY),
    "on_failure_callback": Unsupported("callbacks", _NONE_OR_EMPTY),
    "sla_miss_callback": Unsupported("deadlines", _NONE_OR_EMPTY),
    "access_control": Unsupported("access rules of a DAG", _NONE_OR_EMPTY),
    "allowed_run_types": Unsupported("limits of the types of runs", _NONE_OR_EMPTY),
    "disable_bundle_versioning": Unsupported("running code other than what the run pins", _FLAG),
    "rerun_with_latest_version": Unsupported("running code other than what the run pins", _FLAG),
}

TASK_ARGUMENTS: Mapping[str, Unsupported] = {
    "email": Unsupported("email", _NONE_OR_EMPTY),
    "sla": Unsupported("deadlines"),
    "on_execute_callback": Unsupported("callbacks", _NONE_OR_EMPTY),
    "on_failure_callback": Unsupported("callbacks", _NONE_OR_EMPTY),
    "on_success_callback": Unsupported("callbacks", _NONE_OR_EMPTY),
    "on_retry_callback": Unsupported("callbacks", _NONE_OR_EMPTY),
    "on_skipped_callback": Unsupported("callbacks", _NONE_OR_EMPTY),
    "resources": Unsupported("resources of tasks", _NONE_OR_EMPTY),
    "map_index_template": Unsupported("mapped tasks"),
    "executor_config": Unsupported("settings for executors", _NONE_OR_EMPTY),
    "inlets": Unsupported("assets", _NONE_OR_EMPTY),
    "outlets": Unsupported("assets", _NONE_OR_EMPTY),
    "start_trigger_args": Unsupported("deferrable tasks"),
    "start_from_trigger": Unsupported("deferrable tasks", _FLAG),
}

WITHOUT_EFFECT = frozenset({"email_on_failure", "email_on_retry", "allow_nested_operators"})
"""Arguments of tasks that are accepted: they only shape features that are refused."""

REMOVED_ARGUMENTS: Mapping[str, str] = {
    "schedule_interval": "schedule",
    "timetable": "schedule",
    "concurrency": "max_active_tasks",
    "task_concurrency": "max_active_tis_per_dag",
    "fail_stop": "fail_fast",
    "default_var": "default",
}
"""Arguments that Airflow 3 removed, and what took their place."""

PUBLIC_NAMES: Mapping[str, str] = {
    name: feature
    for feature, names in {
        "results of runs": "result",
        "sensors": "BaseSensorOperator PokeReturnValue",
        "async operators": "BaseAsyncOperator",
        "notifiers": "BaseNotifier",
        "links of operators": "BaseOperatorLink",
        "resumable jobs": "ResumableJobMixin NEVER_EXPIRE",
        "object storage paths": "ObjectStoragePath",
        "lineage": "lineage",
        "configuration in DAG files": "conf",
        "parsing contexts": "get_parsing_context",
        "assets": "Asset AssetAlias AssetAll AssetAny AssetWatcher AssetAccessControl asset Metadata",
        "schedules by assets, events and partitions": "AssetOrTimeSchedule CronPartitionTimetable EventsTimetable "
        "PartitionedAssetTimetable PartitionedAtRuntime",
        "deadlines": "BaseDeadlineReference DeadlineAlert DeadlineReference deadline_reference",
        "partitions": "AllowedKeyMapper ChainMapper DayWindow FanOutMapper FixedKeyMapper HourWindow IdentityMapper "
        "MinimumCount MonthWindow PartitionMapper ProductMapper "
        "QuarterWindow RollupMapper SegmentWindow StartOfDayMapper StartOfHourMapper StartOfMonthMapper "
        "StartOfQuarterMapper StartOfWeekMapper StartOfYearMapper WaitForAll WeekWindow Window YearWindow",
        "callbacks": "AsyncCallback SyncCallback",
    }.items()
    for name in names.split()
}
"""Names of `airflow.sdk` that are missing here, with what they stand for."""


def refuse_argument(
    name: str, value: object, feature: str, owner: str, remedy: str = Unsupported.remedy
) -> UnsupportedArgumentError:
    """The error for an argument whose feature does not exist yet.

    Args:
        name: the argument.
        value: what it was given.
        feature: what it stands for.
        owner: the DAG or task in words, such as `task 'a' of DAG 'b'`.
        remedy: what to do about it.
    """
    shown = repr(value)
    shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
    return UnsupportedArgumentError(
        f"{name}={shown} of {owner} asks for something that {PRODUCT} does not support yet: {feature}. {remedy}"
    )


def refuse_used(arguments: Mapping[str, Any], table: Mapping[str, Unsupported], owner: str) -> None:
    """Refuse the first argument that asks for something in the table.

    Raises:
        UnsupportedArgumentError: names the argument and its DAG or task.
    """
    for name, value in arguments.items():
        entry = table.get(name)
        if entry is not None and entry.is_used(value) and not _is_silent_email(name, arguments):
            raise refuse_argument(name, value, entry.feature, owner, entry.remedy)


def unsupported(what: str, feature: str) -> UnsupportedFeatureError:
    """The error for a method or flavour that does not exist yet, such as `@task.branch`."""
    return UnsupportedFeatureError(f"{what} is known in Airflow, but {PRODUCT} does not support it yet ({feature}).")


def _is_silent_email(name: str, arguments: Mapping[str, Any]) -> bool:
    return name == "email" and not (arguments.get("email_on_failure", True) or arguments.get("email_on_retry", True))

"""What Airflow knows and this version does not: one table of arguments and one of names, each refused by a sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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

SET_LATER = ("inlets", "outlets", *(name for name in TASK_ARGUMENTS if name.startswith("on_")))
"""Those that authors also set as attributes of a task. Others are names that operators use for things of their own."""


class UnusedArguments:
    """What operators see of arguments that have no effect here: Airflow's values for "not used"."""

    email: str | Iterable[str] | None = None
    email_on_failure: bool = True
    email_on_retry: bool = True
    on_execute_callback: Any = None
    on_failure_callback: Any = None
    on_success_callback: Any = None
    on_retry_callback: Any = None
    on_skipped_callback: Any = None
    executor_config: Mapping[str, Any] | None = None
    operator_extra_links: Collection[Any] = ()
    inlets: list[Any]
    outlets: list[Any]


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

MODULES: Mapping[str, str] = {
    module: feature
    for feature, modules in {
        "sensors": "bases.sensor standard.exceptions standard.sensors standard.utils.sensor_helper",
        "deferrable tasks": "standard.triggers",
        "branches by date and weekday": "standard.operators.datetime standard.operators.weekday",
        "human in the loop": "execution_time.hitl standard.operators.hitl",
        "notifiers": "bases.notifier",
        "links of operators": "bases.operatorlink",
        "resumable jobs": "bases.resumablejobmixin",
        "decorators of your own": "bases.decorator standard.decorators",
        "timetables of your own": "bases.timetable timetables.base",
        "secret back ends of your own": "bases.secrets_backend",
        "mapped tasks": "definitions.mappedoperator execution_time.lazy_sequence execution_time.task_mapping",
        "assets": "definitions.asset",
        "schedules by assets, events and partitions": "definitions.timetables.assets definitions.timetables.events "
        "timetables.assets timetables.events",
        "partitions": "definitions.partition_mappers",
        "deadlines": "definitions.deadline",
        "callbacks": "definitions.callback",
        "resources of tasks": "definitions.operator_resources",
        "object storage paths": "io",
        "configuration in DAG files": "configuration",
        "lineage": "lineage standard.utils.openlineage",
        "plugins": "listener plugins_manager",
        "task state stores, and what else is inside Airflow's worker": "execution_time",
    }.items()
    for module in modules.split()
}
"""Modules below `airflow.sdk`, or below `standard` for those of the standard provider, that are missing here."""


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

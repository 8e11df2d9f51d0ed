"""What Airflow knows and this version does not: one table of arguments and one of names, each refused by a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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
_PARAMS = "Remove it; `dag_run.conf` holds what a run was triggered with."
_NONE_OR_EMPTY: tuple[Any, ...] = (None, [], (), {}, "")

DAG_ARGUMENTS: Mapping[str, Unsupported] = {
    "schedule": Unsupported("schedules", remedy="Remove the argument and trigger runs by hand."),
    "template_searchpath": Unsupported("templates", _NONE_OR_EMPTY),
    "template_undefined": Unsupported("templates"),
    "user_defined_macros": Unsupported("templates", _NONE_OR_EMPTY),
    "user_defined_filters": Unsupported("templates", _NONE_OR_EMPTY),
    "jinja_environment_kwargs": Unsupported("templates", _NONE_OR_EMPTY),
    "render_template_as_native_obj": Unsupported("templates", _FLAG),
    "max_active_tasks": Unsupported("limits of the active tasks of a DAG"),
    "max_consecutive_failed_dag_runs": Unsupported("pausing a DAG after failed runs", (None, 0)),
    "dagrun_timeout": Unsupported("time limits of runs"),
    "deadline": Unsupported("deadlines"),
    "on_success_callback": Unsupported("callbacks", _NONE_OR_EMPTY),
    "on_failure_callback": Unsupported("callbacks", _NONE_OR_EMPTY),
    "params": Unsupported("params", _NONE_OR_EMPTY, _PARAMS),
    "access_control": Unsupported("access rules of a DAG", _NONE_OR_EMPTY),
    "is_paused_upon_creation": Unsupported(
        "pausing a DAG from its file", remedy="Remove it; the server's settings say whether new DAGs are paused."
    ),
    "owner_links": Unsupported("links of owners", _NONE_OR_EMPTY),
    "fail_fast": Unsupported("ending a run at its first failure", _FLAG),
    "allowed_run_types": Unsupported("limits of the types of runs", _NONE_OR_EMPTY),
    "dag_display_name": Unsupported("display names", _NONE_OR_EMPTY),
    "disable_bundle_versioning": Unsupported("running code other than what the run pins", _FLAG),
    "rerun_with_latest_version": Unsupported("running code other than what the run pins", _FLAG),
}

TASK_ARGUMENTS: Mapping[str, Unsupported] = {
    "email": Unsupported("email", _NONE_OR_EMPTY),
    "retry_exponential_backoff": Unsupported("back-off between retries", (None, False, 0, 0.0, 1, 1.0)),
    "max_retry_delay": Unsupported("back-off between retries"),
    "retry_policy": Unsupported("retry policies"),
    "end_date": Unsupported("end dates of tasks"),
    "depends_on_past": Unsupported("dependencies on earlier runs", _FLAG),
    "wait_for_past_depends_before_skipping": Unsupported("dependencies on earlier runs", _FLAG),
    "wait_for_downstream": Unsupported("dependencies on earlier runs", _FLAG),
    "params": Unsupported("params", _NONE_OR_EMPTY, _PARAMS),
    "priority_weight": Unsupported("priorities", (None, 1)),
    "weight_rule": Unsupported("priorities", (None, "downstream")),
    "pool": Unsupported("pools", (None, "default_pool")),
    "pool_slots": Unsupported("pools", (None, 1)),
    "execution_timeout": Unsupported("time limits of tasks"),
    "on_execute_callback": Unsupported("callbacks", _NONE_OR_EMPTY),
    "on_failure_callback": Unsupported("callbacks", _NONE_OR_EMPTY),
    "on_success_callback": Unsupported("callbacks", _NONE_OR_EMPTY),
    "on_retry_callback": Unsupported("callbacks", _NONE_OR_EMPTY),
    "on_skipped_callback": Unsupported("callbacks", _NONE_OR_EMPTY),
    "pre_execute": Unsupported("hooks given as arguments", remedy="Override the method of this name."),
    "post_execute": Unsupported("hooks given as arguments", remedy="Override the method of this name."),
    "resources": Unsupported("resources of tasks", _NONE_OR_EMPTY),
    "run_as_user": Unsupported("running a task as another user"),
    "map_index_template": Unsupported("mapped tasks"),
    "max_active_tis_per_dag": Unsupported("limits of the active instances of a task"),
    "max_active_tis_per_dagrun": Unsupported("limits of the active instances of a task"),
    "executor_config": Unsupported("settings for executors", _NONE_OR_EMPTY),
    "inlets": Unsupported("assets", _NONE_OR_EMPTY),
    "outlets": Unsupported("assets", _NONE_OR_EMPTY),
    "task_group": Unsupported("task groups"),
    "doc": Unsupported("documentation in forms other than doc_md"),
    "doc_json": Unsupported("documentation in forms other than doc_md"),
    "doc_yaml": Unsupported("documentation in forms other than doc_md"),
    "doc_rst": Unsupported("documentation in forms other than doc_md"),
    "task_display_name": Unsupported("display names", _NONE_OR_EMPTY),
    "logger_name": Unsupported("loggers chosen by name"),
    "render_template_as_native_obj": Unsupported("templates", _FLAG),
    "start_trigger_args": Unsupported("deferrable tasks"),
    "start_from_trigger": Unsupported("deferrable tasks", _FLAG),
    "templates_dict": Unsupported("templates", _NONE_OR_EMPTY),
    "templates_exts": Unsupported("templates", _NONE_OR_EMPTY),
}

WITHOUT_EFFECT = frozenset(
    {"email_on_failure", "email_on_retry", "ignore_first_depends_on_past", "allow_nested_operators", "start_date"}
)
"""Arguments of tasks that are accepted: they only shape features that are refused, or schedules, which do not exist."""

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
        "task groups": "TaskGroup task_group",
        "setup and teardown tasks": "setup teardown",
        "params": "Param ParamsDict",
        "templates": "macros",
        "results of runs": "result",
        "sensors": "BaseSensorOperator PokeReturnValue",
        "branching": "BaseBranchOperator BranchMixIn SkipMixin",
        "async operators": "BaseAsyncOperator",
        "hooks": "BaseHook",
        "notifiers": "BaseNotifier",
        "links of operators": "BaseOperatorLink",
        "XCom back ends": "BaseXCom",
        "resumable jobs": "ResumableJobMixin NEVER_EXPIRE",
        "object storage paths": "ObjectStoragePath",
        "priorities": "WeightRule",
        "lineage": "lineage",
        "configuration in DAG files": "conf",
        "parsing contexts": "get_parsing_context",
        "assets": "Asset AssetAlias AssetAll AssetAny AssetWatcher AssetAccessControl asset Metadata",
        "schedules": "CronTriggerTimetable CronDataIntervalTimetable CronPartitionTimetable "
        "MultipleCronTriggerTimetable DeltaTriggerTimetable DeltaDataIntervalTimetable EventsTimetable "
        "AssetOrTimeSchedule",
        "retry policies": "RetryPolicy ExceptionRetryPolicy RetryRule RetryDecision RetryAction",
        "deadlines": "DeadlineAlert DeadlineReference",
        "callbacks": "AsyncCallback SyncCallback",
    }.items()
    for name in names.split()
}
"""Names of `airflow.sdk` that are missing here, with what they stand for."""

_TEMPLATE = re.compile(r"\{\{|\{%|\{#")


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


def refuse_template(field: str, value: object, owner: str, extensions: Iterable[str]) -> None:
    """Refuse a string that Airflow would render, or read from a template file, before the task runs.

    Args:
        field: name of the templated field.
        value: its value; lists, tuples, sets and dicts are searched.
        owner: the task in words.
        extensions: ends of names of template files, such as `.sh`.

    Raises:
        UnsupportedArgumentError: names the field and the task.
    """
    for text in _strings(value):
        if _TEMPLATE.search(text):
            remedy = "To pass the text on as it is, wrap it: literal(...)."
            raise refuse_argument(field, text, "templates", owner, remedy)
        if text.endswith(tuple(extensions)):
            remedy = "To run a program of this name, add a space at the end."
            raise refuse_argument(field, text, "template files", owner, remedy)


def _strings(value: object) -> Iterable[str]:
    waiting: list[object] = [value]
    seen: set[int] = set()
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list | tuple | set | frozenset | dict) and id(item) not in seen:
            seen.add(id(item))
            waiting.extend(item.values() if isinstance(item, dict) else item)


def _is_silent_email(name: str, arguments: Mapping[str, Any]) -> bool:
    return name == "email" and not (arguments.get("email_on_failure", True) or arguments.get("email_on_retry", True))

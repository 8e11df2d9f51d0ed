"""DAG files import from modules of Airflow's names below `tradewind.sdk`."""

import datetime as dt
import importlib

import pytest

import tradewind.sdk
from tradewind.sdk import timezone

NAMES = {
    "bases.operator": "BaseOperator chain cross_downstream",
    "definitions.connection": "Connection",
    "definitions.context": "Context get_current_context get_parsing_context",
    "definitions.dag": "DAG dag",
    "definitions.decorators": "dag setup task task_group teardown",
    "definitions.decorators.condition": "run_if skip_if",
    "definitions.decorators.setup_teardown": "context_wrapper",
    "definitions.decorators.task_group": "task_group",
    "definitions.edges": "EdgeModifier Label",
    "definitions.param": "DagParam Param ParamsDict",
    "definitions.retry_policy": "ExceptionRetryPolicy RetryAction RetryDecision RetryPolicy RetryRule",
    "definitions.taskgroup": "TaskGroup",
    "definitions.template": "literal",
    "definitions.timetables.interval": "CronDataIntervalTimetable DeltaDataIntervalTimetable",
    "definitions.timetables.simple": "ContinuousTimetable NullTimetable OnceTimetable",
    "definitions.timetables.trigger": "CronTriggerTimetable DeltaTriggerTimetable MultipleCronTriggerTimetable",
    "definitions.variable": "Variable",
    "definitions.xcom_arg": "XComArg",
    "execution_time.macros": "ds_add ds_format",
    "execution_time.task_runner": "RuntimeTaskInstance",
    "log": "mask_secret",
    "standard.utils.skipmixin": "SkipMixin",
    "standard.utils.weekday": "WeekDay",
    "timetables.interval": "CronDataIntervalTimetable DeltaDataIntervalTimetable",
    "timetables.simple": "ContinuousTimetable NullTimetable OnceTimetable",
    "timetables.trigger": "CronTriggerTimetable DeltaTriggerTimetable MultipleCronTriggerTimetable",
    "types": "RuntimeTaskInstanceProtocol TaskInstance TaskInstanceKey",
}


@pytest.mark.parametrize("module", sorted(NAMES))
def test_a_module_of_airflows_name_has_the_same_objects(module: str) -> None:
    loaded = importlib.import_module(f"tradewind.sdk.{module}")
    for name in NAMES[module].split():
        assert getattr(loaded, name) is getattr(tradewind.sdk, name, getattr(loaded, name))


def test_dates_of_the_timezone_module_have_a_time_zone() -> None:
    first = timezone.datetime(2024, 1, 1)
    assert first == dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    assert timezone.parse("2024-01-01") == timezone.parse("2024-01-01T01:00:00+01:00") == first
    assert timezone.utcnow().utcoffset() == dt.timedelta(0)
    naive = timezone.make_naive(first, timezone.parse_timezone("Asia/Tokyo"))
    assert (naive, timezone.is_naive(naive), timezone.is_localized(first)) == (dt.datetime(2024, 1, 1, 9), True, True)  # noqa: DTZ001 - without a zone on purpose
    assert timezone.make_aware(naive, timezone.parse_timezone("Asia/Tokyo")) == first
    assert (
        timezone.convert_to_utc(naive) == timezone.coerce_datetime(naive) == dt.datetime(2024, 1, 1, 9, tzinfo=dt.UTC)
    )
    assert (timezone.convert_to_utc(None), timezone.coerce_datetime(None)) == (None, None)
    assert timezone.from_timestamp(0) == dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    with pytest.raises(ValueError, match="expects a date without a time zone"):
        timezone.make_aware(first)
    with pytest.raises(ValueError, match="expects a date with a time zone"):
        timezone.make_naive(naive)

"""Cron expressions and data intervals mean the same to `dag.test()` as to a deployment."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from tradewind.sdk import contract as sdk_contract
from tradewind.sdk.authoring.timetables import cron_expression
from tradewind.sdk.exceptions import TimetableInvalid
from tradewind.sdk.local.interval import data_interval
from tradewind.server import contract as server_contract
from tradewind.server.domain.schedules import check, manual_interval

ZONES = ("UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu")
CLOCK_CHANGES = ("2026-03-08T07", "2026-03-29T01", "2026-04-04T15", "2026-10-25T01", "2026-11-01T06", "2026-04-23T22")
EXPRESSIONS = (
    "@daily",
    "@hourly",
    "@midnight",
    "@Weekly",
    "30 2 * * *",
    "*/20 1-3 * * *",
    "15,45 */2 * * *",
    "7 * * * *",
    "0 22-4 * * *",
    "0 9 * * FRI-MON",
    "0 6 1-31 * SUN",
    "0 6 ? * MON",
    "0 0 */10 * 6",
    "0 12 * * L5",
    "5 4 * * 5#2",
    "0 0 29 2 *",
    "0 0 L * *",
)
REFUSED = ("0 24 * * *", "* * * *", "0 0 31 2 *", "@fortnightly", "a b c d e", "0 0 * * 8", "0 20-4/2 * * *")


def moments(seed: int) -> list[datetime]:
    """Some near changes of clocks, some anywhere in the year."""
    chosen = random.Random(seed)
    changes = [datetime.fromisoformat(f"{text}:00").replace(tzinfo=UTC) for text in CLOCK_CHANGES]
    near = [change + timedelta(minutes=chosen.randint(-150, 150)) for change in changes]
    anywhere = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=chosen.randint(0, 365 * 86_400)) for _ in near]
    return near + anywhere


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("timezone", ZONES)
def test_the_interval_of_a_local_run_is_that_of_a_triggered_one(expression: str, timezone: str) -> None:
    cron = cron_expression(expression)
    server = server_contract.CronDataIntervalTimetable(cron=cron, timezone=timezone)
    local = sdk_contract.CronDataIntervalTimetable(cron=cron, timezone=timezone)
    for moment in moments(len(expression)):
        expected = manual_interval(server, moment)
        assert data_interval(local, moment) == (expected.start, expected.end), moment


@pytest.mark.parametrize("expression", REFUSED)
def test_what_a_deployment_refuses_is_refused_when_the_file_is_read(expression: str) -> None:
    with pytest.raises(TimetableInvalid):
        cron_expression(expression)
    with pytest.raises(ValueError, match="cron"):
        check(server_contract.CronTriggerTimetable(crons=[expression], timezone="UTC"))

"""`tradewind runs list` and what `tasks why` says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.cli.program import Program


@pytest.fixture
def two_hours_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is two hours ahead of UTC."""
    monkeypatch.setenv("TZ", "EAST-02")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def asked(tradewind: Program) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(tradewind.sent[-1][1]).query)


def test_runs_are_listed_by_what_is_asked_of_them(tradewind: Program, two_hours_east: None) -> None:
    tradewind.answers({"dag_runs": [], "total_entries": 0})
    chosen = ("--state", "queued", "--state", "running", "--type", "scheduled", "--type", "manual", "--name", "night")
    result = tradewind("runs", "list", "etl", *chosen, "--since", "2026-03-01", "--until", "2026-03-02T12:00+00:00")
    assert result.exit_code == 0, result.output
    assert sorted(asked(tradewind)) == [
        ("limit", "25"),
        ("order_by", "-run_after"),
        ("run_after_gte", "2026-03-01T00:00:00+02:00"),
        ("run_after_lte", "2026-03-02T14:00:00+02:00"),
        ("run_id_pattern", "night"),
        ("run_type", "manual"),
        ("run_type", "scheduled"),
        ("state", "queued"),
        ("state", "running"),
    ]


def test_a_date_that_is_none_is_refused(tradewind: Program) -> None:
    result = tradewind("runs", "list", "--since", "yesterday")
    assert result.exit_code == 2
    assert "--since" in result.output
    assert "ISO 8601" in result.output


WAITING = {
    "dag_id": "d",
    "dag_run_id": "r",
    "task_id": "a",
    "state": "up_for_retry",
    "reason": {"reason": "retry_backoff"},
    "reason_text": "It failed; try 2 is due at 2026-03-01 12:00:00+00:00.",
}


def test_moments_in_a_reason_are_local_as_they_are_in_tables(tradewind: Program, two_hours_east: None) -> None:
    tradewind.answers(WAITING)
    assert "try 2 is due at 2026-03-01 14:00:00." in tradewind("tasks", "why", "d", "a", "r").output


def test_what_a_task_said_is_left_as_it_is(tradewind: Program, two_hours_east: None) -> None:
    words = "Ended in failed: no data at 2026-03-01 12:00:00+00:00"
    tradewind.answers({**WAITING, "state": "failed", "reason": {"reason": "ended"}, "reason_text": words})
    assert words in tradewind("tasks", "why", "d", "a", "r").output

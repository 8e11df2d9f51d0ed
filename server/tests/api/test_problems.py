"""Refusals as problem documents."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from pydantic import ValidationError

from tradewind.server.api.problems import (
    ACTIONS,
    STATUS,
    internal_error,
    invalid,
    problem,
    problem_response,
)
from tradewind.server.api.versioning import negotiate
from tradewind.server.contract import (
    VERSION,
    Outcome,
    ProblemReason,
    SetXCom,
    Started,
    WorkerFrame,
    decode,
    encode,
)
from tradewind.server.domain.refusals import Refused

TIMES = '"started_at": "2026-01-01T00:00:00Z", "ended_at": "2026-01-01T00:00:00Z"'
OP_ID = "0190a1b2-0000-7000-8000-000000000001"


def test_every_reason_has_a_status_and_says_what_to_do() -> None:
    assert set(STATUS) == set(ACTIONS) == set(ProblemReason)


@pytest.mark.parametrize("reason", list(ProblemReason))
def test_every_reason_makes_a_document_of_the_contract(reason: ProblemReason) -> None:
    document = json.loads(encode(problem(Refused(reason, "so it is", field="a.b", action="do this"))))
    assert document["reason"] == reason.value
    assert document["type"].endswith("/" + reason.value)
    assert (document["detail"], document["field"], document["action"]) == ("so it is", "a.b", "do this")
    assert document["status"] == STATUS[reason]


def test_a_busy_server_says_when_to_come_back() -> None:
    answer = problem_response(problem(Refused(ProblemReason.TOO_BUSY, "full", retry_after_seconds=0.2)))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_unauthenticated_caller_is_told_the_scheme() -> None:
    answer = problem_response(problem(Refused(ProblemReason.MISSING_TOKEN, "none")))
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_an_unexpected_exception_is_logged_under_the_id_that_the_caller_gets(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        document = internal_error(ValueError("the password is 1234"), "set_xcom")
    incident = document.detail.rpartition(" ")[2]
    assert incident in caplog.text
    assert "1234" not in encode(document).decode()


def test_an_unknown_version_lists_the_versions_on_offer() -> None:
    assert negotiate(None) == negotiate(VERSION) == VERSION
    with pytest.raises(Refused) as caught:
        negotiate("1999-01-01")
    assert problem(caught.value).supported_versions == [VERSION]


def fault(type_: Any, body: str) -> tuple[str, str | None]:
    with pytest.raises(ValidationError) as caught:
        decode(type_, body)
    refusal = invalid(caught.value, type_)
    assert refusal.action, "a refusal says what to do"
    return refusal.reason.value, refusal.field


@pytest.mark.parametrize(
    ("type_", "body", "expected"),
    [
        (SetXCom, "{", ("malformed_body", None)),
        (SetXCom, "", ("malformed_body", None)),
        (SetXCom, '{"op_id": NaN, "value": NaN}', ("wrong_type", "op_id")),
        (SetXCom, f'{{"op_id": "{OP_ID}", "value": NaN}}', ("invalid_value", "value")),
        (SetXCom, f'{{"op_id": "{OP_ID}", "value": [1, -Infinity]}}', ("invalid_value", "value")),
        (SetXCom, "[]", ("wrong_type", None)),
        (SetXCom, f'{{"op_id": "{OP_ID}"}}', ("missing_field", "value")),
        (SetXCom, f'{{"op_id": "{OP_ID}", "value": 1, "valeu": 2}}', ("unknown_field", "valeu")),
        (SetXCom, f'{{"op_id": "{OP_ID}", "valeu": 2}}', ("unknown_field", "valeu")),
        (SetXCom, '{"op_id": "x", "value": 1}', ("invalid_value", "op_id")),
        (SetXCom, '{"op_id": 1, "value": 1}', ("wrong_type", "op_id")),
        (Started, '{"hostname": "h", "pid": "1", "started_at": "2026-01-01T00:00:00Z"}', ("wrong_type", "pid")),
        (Started, '{"hostname": "h", "pid": 0, "started_at": "2026-01-01T00:00:00Z"}', ("invalid_value", "pid")),
        (Started, '{"hostname": "h", "pid": 1, "started_at": "yesterday"}', ("invalid_value", "started_at")),
        (Outcome, '{"outcome": "won"}', ("invalid_value", "outcome")),
        (Outcome, "{}", ("missing_field", "outcome")),
        (Outcome, '{"outcome": "interrupted", "ended_at": "2026-01-01T00:00:00Z"}', ("missing_field", "cause")),
        (
            Outcome,
            f'{{"outcome": "success", {TIMES}, "xcoms": [{{"key": "a", "value": 1}}, {{"key": 2, "value": 1}}]}}',
            ("wrong_type", "xcoms.1.key"),
        ),
        (
            WorkerFrame,
            '{"frame": "offer", "capacity": {"execute_task": -1}}',
            ("invalid_value", "capacity.execute_task"),
        ),
    ],
)
def test_a_fault_in_a_body_names_reason_and_field(type_: Any, body: str, expected: tuple[str, str | None]) -> None:
    assert fault(type_, body) == expected

"""The form of the `Authorization` header."""

from __future__ import annotations

import pytest

from tradewind.server.auth.credentials import bearer_token
from tradewind.server.contract import ProblemReason
from tradewind.server.domain.refusals import Refused


@pytest.mark.parametrize("header", ["Bearer abc", "bearer abc", "BEARER   abc  "])
def test_the_scheme_is_bearer_in_any_case(header: str) -> None:
    assert bearer_token(header) == "abc"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, ProblemReason.MISSING_TOKEN),
        ("", ProblemReason.MALFORMED_TOKEN),
        ("Bearer", ProblemReason.MALFORMED_TOKEN),
        ("Bearer ", ProblemReason.MALFORMED_TOKEN),
        ("Basic abc", ProblemReason.MALFORMED_TOKEN),
        ("abc", ProblemReason.MALFORMED_TOKEN),
    ],
)
def test_another_header_is_refused(header: str | None, reason: ProblemReason) -> None:
    with pytest.raises(Refused) as caught:
        bearer_token(header)
    assert (caught.value.reason, caught.value.field) == (reason, "Authorization")

"""The log store on a directory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tradewind.server.api.logs import LogPlace, LogStore, check_segment
from tradewind.server.contract import ProblemReason
from tradewind.server.domain.refusals import Refused

PLACE = LogPlace.of_try("etl", "manual__2026-01-01T00:00:00+00:00", "load", -1, 2)


def line(message: str) -> bytes:
    record = {"timestamp": "2026-01-01T00:00:00Z", "source": "stdout", "level": "info", "message": message}
    return json.dumps(record).encode() + b"\n"


def test_records_come_back_in_the_order_of_the_segments(tmp_path: Path) -> None:
    store = LogStore(tmp_path)
    for sequence in (10, 2, 100_000_000, 0):
        store.put_segment(PLACE, sequence, line(f"{sequence} a") + line(f"{sequence} b"))
    messages = [json.loads(record)["message"] for record in store.records(PLACE)]
    assert messages == [f"{sequence} {name}" for sequence in (0, 2, 10, 100_000_000) for name in "ab"]


def test_a_repeated_segment_changes_nothing_and_leaves_nothing_behind(tmp_path: Path) -> None:
    store = LogStore(tmp_path)
    store.put_segment(PLACE, 0, line("first"))
    store.put_segment(PLACE, 0, line("second"))
    assert list(store.records(PLACE)) == [line("first")[:-1]]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["00000000.jsonl"]


def test_a_log_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert list(LogStore(tmp_path / "none").records(PLACE)) == []


@pytest.mark.parametrize("name", [".", "..", ".hidden"])
def test_no_name_leads_out_of_the_directory(tmp_path: Path, name: str) -> None:
    store = LogStore(tmp_path / "logs")
    place = LogPlace.of_try(name, name, name, -1, 1)
    store.put_segment(place, 0, line("inside"))
    assert len(list(store.records(place))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]
    (written,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert len(written.relative_to(tmp_path / "logs").parts) == 6


def test_a_dag_and_a_parse_of_one_name_are_kept_apart() -> None:
    parse = LogPlace.of_parse("0190a1b2-0000-7000-8000-000000000001")
    assert parse.parts[0] != LogPlace.of_try("parses", "r", "t", -1, 1).parts[0]
    assert "%" in parse.parts[0]


def test_a_segment_is_held_against_the_contract() -> None:
    check_segment(b"")
    check_segment(line("a") + line("b"))
    check_segment(line("no line end at the end")[:-1])


@pytest.mark.parametrize(
    ("segment", "field"),
    [
        (line("a") + b"nonsense\n", "2"),
        (b"{}\n", "1.timestamp"),
        (line("a").replace(b"stdout", b"stdin"), "1.source"),
        (line("a")[:-2] + b', "secret": 1}\n', "1.secret"),
        (b"\xff\xfe\n", "1"),
    ],
)
def test_a_wrong_line_is_named(segment: bytes, field: str) -> None:
    with pytest.raises(Refused) as caught:
        check_segment(segment)
    assert (caught.value.reason, caught.value.field) == (ProblemReason.MALFORMED_BODY, field)

import json
from typing import Any

import pytest

from tradewind.sdk.contract import LogSource
from tradewind.sdk.masking import Masker
from tradewind.sdk.worker.log_lines import MAX_LINE, LineReader

SECRET = "correct horse battery staple"


def read(source: LogSource, *chunks: bytes, secrets: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    reader = LineReader(source, Masker(secrets))
    records = [record for chunk in chunks for record in reader.feed(chunk)]
    return [json.loads(record) for record in [*records, *reader.close()]]


def messages(*chunks: bytes, secrets: tuple[str, ...] = ()) -> list[str]:
    return [record["message"] for record in read(LogSource.STDOUT, *chunks, secrets=secrets)]


def test_each_line_is_a_record_however_it_arrives() -> None:
    assert messages(b"one\ntw", b"o\n", b"\nfour\r\nend") == ["one", "two", "", "four", "end"]


def test_the_streams_of_a_process_differ_in_source_and_level() -> None:
    [out], [err] = read(LogSource.STDOUT, b"x\n"), read(LogSource.STDERR, b"x\n")
    assert (out["source"], out["level"]) == ("stdout", "info")
    assert (err["source"], err["level"]) == ("stderr", "error")
    assert out["timestamp"].endswith("Z")


def test_text_in_any_encoding_is_shown() -> None:
    data = "grün €".encode()
    assert messages(*(bytes([byte]) for byte in data + b"\n")) == ["grün €"]
    assert messages(b"gr\xfcn\n", b"\xe2\x82") == ["gr\ufffdn", "\ufffd"]


def test_a_long_line_goes_on_in_the_next_record() -> None:
    found = messages(b"x" * (MAX_LINE * 2 + 5) + b"\nnext\n")
    assert [len(message) for message in found] == [MAX_LINE, MAX_LINE, 5, 4]


def test_a_line_without_an_end_does_not_grow_without_bound() -> None:
    reader = LineReader(LogSource.STDOUT, Masker())
    emitted = 0
    for _ in range(200):
        emitted += sum(len(json.loads(record)["message"]) for record in reader.feed(b"x" * 10_000))
    assert 2_000_000 - emitted <= MAX_LINE


def test_a_secret_is_hidden_in_every_stream() -> None:
    for source in (LogSource.STDOUT, LogSource.STDERR, LogSource.LOG):
        [record] = read(source, f"password={SECRET}!\n".encode(), secrets=(SECRET,))
        assert record["message"] == "password=***!"


@pytest.mark.parametrize("cut", range(1, len(SECRET)))
def test_a_secret_that_arrives_in_two_parts_is_hidden(cut: int) -> None:
    data = f"a {SECRET} b\n".encode()
    assert messages(data[: 2 + cut], data[2 + cut :], secrets=(SECRET,)) == ["a *** b"]


@pytest.mark.parametrize("before", range(MAX_LINE - len(SECRET) - 2, MAX_LINE + 3))
def test_a_secret_at_the_seam_of_a_long_line_is_hidden(before: int) -> None:
    start = b"x" * before
    data = start + SECRET.encode() + b"y" * 100
    for chunks in ([data], [data[: before + 10], data[before + 10 :]], [data[:MAX_LINE], data[MAX_LINE:]]):
        text = "".join(messages(*chunks, secrets=(SECRET,)))
        assert text == "x" * before + "***" + "y" * 100


def test_a_structured_record_keeps_what_it_says_and_is_masked_again() -> None:
    line = {
        "timestamp": "2026-01-01T00:00:00Z",
        "source": "stdout",
        "level": "warning",
        "message": f"line one\nline two {SECRET}",
        "logger": "app.db",
        "future": 1,
    }
    [record] = read(LogSource.LOG, json.dumps(line).encode() + b"\n", secrets=(SECRET,))
    assert record == {
        "timestamp": "2026-01-01T00:00:00Z",
        "source": "log",
        "level": "warning",
        "message": "line one\nline two ***",
        "logger": "app.db",
    }


def test_a_long_structured_record_stays_structured() -> None:
    line = {"timestamp": "2026-01-01T00:00:00Z", "source": "log", "level": "info", "message": "m" * (MAX_LINE + 1)}
    records = read(LogSource.LOG, json.dumps(line).encode() + b"\n")
    assert [len(record["message"]) for record in records] == [MAX_LINE, 1]


def test_what_is_no_record_in_the_structured_log_is_text() -> None:
    assert [record["message"] for record in read(LogSource.LOG, b'{"level": "loud"}\n{\n')] == [
        '{"level": "loud"}',
        "{",
    ]

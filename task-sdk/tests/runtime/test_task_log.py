"""Rules of the log of a task, read from a real pipe."""

import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runtime.activities import Bench, assignment
from tradewind.sdk.contract import LogLevel, LogRecord, LogSource, decode
from tradewind.sdk.masking import Masker
from tradewind.sdk.runtime import run_activity
from tradewind.sdk.runtime.task_log import PIECE, ContractHandler, make_log_ready, task_log


def records_of(act: Callable[[], None], *secrets: str) -> list[LogRecord]:
    return [decode(LogRecord, line) for line in lines_of(lambda descriptor: _logged(act, descriptor, secrets))]


def _logged(act: Callable[[], None], descriptor: int, secrets: tuple[str, ...]) -> None:
    with task_log(descriptor, Masker(secrets)):
        act()


def lines_of(write: Callable[[int], object]) -> list[bytes]:
    """What was written into a pipe; it is read meanwhile, as it holds little."""
    read_end, write_end = os.pipe()
    read: list[bytes] = []

    def drain() -> None:
        with os.fdopen(read_end, "rb") as stream:
            read.extend(stream)

    reader = threading.Thread(target=drain)
    reader.start()
    try:
        write(write_end)
    finally:
        os.close(write_end)
        reader.join()
    return read


def test_each_record_is_a_line_of_the_contract() -> None:
    logger = logging.getLogger("my.module")

    def act() -> None:
        logger.debug("not shown")
        logger.info("hello %s", "you")
        logger.warning("two\nlines")
        logger.critical("ü")

    found = records_of(act)
    assert [(one.level, one.message, one.logger, one.source) for one in found] == [
        (LogLevel.INFO, "hello you", "my.module", LogSource.LOG),
        (LogLevel.WARNING, "two\nlines", "my.module", LogSource.LOG),
        (LogLevel.CRITICAL, "ü", "my.module", LogSource.LOG),
    ]
    assert all(one.timestamp.utcoffset() is not None for one in found)


def test_a_level_that_user_code_chose_stays() -> None:
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    try:
        assert [one.level for one in records_of(lambda: logging.getLogger("x").debug("shown"))] == [LogLevel.DEBUG]
    finally:
        root.setLevel(before)


def test_secrets_are_hidden_in_messages_and_tracebacks() -> None:
    def act() -> None:
        try:
            raise ValueError("the s3cret")
        except ValueError:
            logging.getLogger("s3cret").exception("it was %s", "s3cret")

    (found,) = records_of(act, "s3cret")
    assert found.message.startswith("it was ***\nTraceback")
    assert found.message.endswith("ValueError: the ***")
    assert found.logger == "***"


def test_a_long_message_goes_on_in_the_next_record() -> None:
    found = records_of(lambda: logging.getLogger("x").info("y" * (PIECE + 1)))
    assert [len(one.message) for one in found] == [PIECE, 1]


def test_a_text_that_is_no_unicode_is_escaped() -> None:
    assert [one.message for one in records_of(lambda: logging.getLogger("x").info("\ud800"))] == ["\\ud800"]


def test_a_record_that_cannot_be_formatted_stops_no_task(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.makeLogRecord({"msg": "%d", "args": ("no number",)})
    assert lines_of(lambda descriptor: ContractHandler(descriptor, Masker()).handle(record)) == []
    assert "Logging error" in capsys.readouterr().err


def test_warnings_are_logged() -> None:
    def act() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("careful", stacklevel=1)

    (found,) = records_of(act)
    assert found.level is LogLevel.WARNING
    assert "careful" in found.message


def test_handlers_of_the_standard_streams_are_set_aside_and_come_back() -> None:
    root = logging.getLogger()
    stream, other = logging.StreamHandler(sys.stderr), logging.NullHandler()
    root.addHandler(stream)
    root.addHandler(other)
    before = root.handlers[:]
    try:
        records_of(lambda: _assert_handlers(stream, other))
        assert root.handlers == before
    finally:
        root.removeHandler(stream)
        root.removeHandler(other)


def test_what_is_ready_for_the_next_task_is_not_there_for_the_one_after(monkeypatch: pytest.MonkeyPatch) -> None:
    root, level, shown = logging.getLogger(), logging.getLogger().level, warnings.showwarning
    output = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    monkeypatch.setattr(sys, "stdout", output)
    make_log_ready()
    handlers: list[logging.Handler] = []

    def act() -> None:
        handlers.append(root.handlers[0])
        root.handlers[0].setFormatter(logging.Formatter("changed: %(message)s"))
        output.reconfigure(line_buffering=False)
        logging.captureWarnings(capture=False)

    def second() -> None:
        handlers.append(root.handlers[0])
        assert output.line_buffering
        root.warning("said")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("warned", stacklevel=1)

    try:
        assert records_of(act) == []
        found = records_of(second)
    finally:
        logging.captureWarnings(capture=False)
        root.setLevel(level)
        output.close()
    assert handlers[0] is not handlers[1]
    assert found[0].message == "said"
    assert "warned" in found[1].message
    assert warnings.showwarning is shown


def _assert_handlers(absent: logging.Handler, present: logging.Handler) -> None:
    assert absent not in logging.getLogger().handlers
    assert present in logging.getLogger().handlers


def test_a_task_logs_what_it_does_and_how_it_ends(bench: Bench, tmp_path: Path) -> None:
    bench.write("BashOperator(task_id='a', bash_command='echo $X; exit 3', env={'X': literal('s3cret-x')})")
    given = assignment(tmp_path, variables={"x": "s3cret-x"})
    lines = lines_of(lambda descriptor: run_activity(given, bench.plane, None, log_descriptor=descriptor))
    found = [decode(LogRecord, line) for line in lines]
    assert [one.message for one in found[:-1]] == [
        "Running command: ['bash', '-c', 'echo $X; exit 3']",
        "***",
        "Command exited with return code 3",
    ]
    assert found[-1].level is LogLevel.ERROR
    assert "non-zero exit code 3" in found[-1].message

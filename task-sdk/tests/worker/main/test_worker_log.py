import logging
import re

from tradewind.sdk.worker.worker_log import LineFormatter


def test_an_event_is_one_line_whatever_it_holds() -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError as error:
        caught = (type(error), error, error.__traceback__)
    record = logging.LogRecord("tradewind.worker", logging.ERROR, "x.py", 1, "bad thing path=%s", ("a\r\nb",), caught)
    line = LineFormatter().format(record)
    assert len(line.splitlines()) == 1
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ERROR bad thing path=a\\r\\nb", line)
    assert "ValueError: first\\nsecond" in line

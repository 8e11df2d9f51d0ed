"""Rules of the activity that parses a file."""

import os
from pathlib import Path

from tests.runtime.activities import ControlPlane, parse_assignment
from tradewind.sdk.contract import FileParsed
from tradewind.sdk.runtime import run_activity


def test_a_parse_reports_what_the_file_declares(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("from tradewind.sdk import DAG\nd = DAG('d')\n")
    parsed = run_activity(parse_assignment(tmp_path), ControlPlane(), None)
    assert isinstance(parsed, FileParsed)
    assert [found.dag_id for found in parsed.dags] == ["d"]


def test_a_parse_that_runs_over_its_time_is_an_import_error(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("while True: pass\n")
    parsed = run_activity(parse_assignment(tmp_path, timeout_seconds=0.1), ControlPlane(), None)
    assert isinstance(parsed, FileParsed)
    assert parsed.error is not None
    assert (parsed.error.type, parsed.error.line) == ("DagFileTimeout", 1)


def test_an_import_that_never_comes_back_from_c_shows_its_line_in_the_log(tmp_path: Path) -> None:
    # A loop in C: about half a minute were it left alone, and no signal handler of Python runs meanwhile.
    (tmp_path / "file.py").write_text("x = 1\ny = sum(range(10**8))\n")
    read_end, write_end = os.pipe()
    run_activity(parse_assignment(tmp_path, timeout_seconds=0.1), ControlPlane(), None, log_descriptor=write_end)
    os.close(write_end)
    with os.fdopen(read_end) as log:
        shown = log.read()
    assert not shown or f'File "{tmp_path}/file.py", line 2' in shown

"""Rules of the activity that parses a file."""

import os
import signal
import threading
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


def test_an_import_that_does_not_react_shows_its_line_in_the_log(tmp_path: Path) -> None:
    marker = tmp_path / "seen"
    (tmp_path / "file.py").write_text(
        f"""import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGALRM}})
while not os.path.exists({str(marker)!r}): pass
signal.pthread_sigmask(signal.SIG_UNBLOCK, {{signal.SIGALRM}})
"""
    )
    read_end, write_end = os.pipe()
    shown: list[str] = []

    def read_first() -> None:
        with os.fdopen(os.dup(read_end)) as log:
            shown.append(next(line for line in log if f'File "{tmp_path}/file.py"' in line))
        marker.touch()

    # The reader must not take the alarm either: each thread has the mask of the one that started it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    reader = threading.Thread(target=read_first, daemon=True)
    reader.start()
    run_activity(parse_assignment(tmp_path, timeout_seconds=0.1), ControlPlane(), None, log_descriptor=write_end)
    reader.join(60)
    os.close(write_end)
    os.close(read_end)
    assert "line 3 in <module>" in shown[0]

"""Rules of importing a DAG file for its tasks."""

import subprocess
import sys
from pathlib import Path

import pytest

from tradewind.sdk.exceptions import TaskNotFound, TradewindException
from tradewind.sdk.parsing import DagFileError, load_dag_file

TEXT = """
from tradewind.sdk import DAG, task

with DAG("d"):
    @task
    def late():
        import late_lib
        return late_lib.VALUE
    late()
"""


def test_a_task_is_found_by_dag_and_id(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text(TEXT)
    loaded = load_dag_file(tmp_path, "file.py")
    assert loaded.task("d", "late").task_id == "late"
    with pytest.raises(TaskNotFound, match="DAG 'd' has no task 'x'"):
        loaded.task("d", "x")
    with pytest.raises(TradewindException, match=r"file.py declares no DAG 'e' on this worker"):
        loaded.task("e", "x")


def test_the_bundle_stays_importable_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text(TEXT)
    (tmp_path / "late_lib.py").write_text("VALUE = 5\n")
    program = f"""
from tradewind.sdk.parsing import load_dag_file
loaded = load_dag_file({str(tmp_path)!r}, "file.py")
again = load_dag_file({str(tmp_path)!r}, "file.py")
print(loaded.task("d", "late").execute({{}}), again.task("d", "late").execute({{}}))
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown == "5 5\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.py", "late_lib.py"]


def test_a_file_that_cannot_be_imported_says_where(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("x = 1\nraise ValueError('broken')\n")
    with pytest.raises(DagFileError, match=r"file.py, line 2: ValueError: broken") as failed:
        load_dag_file(str(tmp_path), "file.py")
    assert failed.value.error.line == 2
    (tmp_path / "leaves.py").write_text("import sys; sys.exit(3)\n")
    with pytest.raises(DagFileError, match="SystemExit: 3"):
        load_dag_file(str(tmp_path), "leaves.py")

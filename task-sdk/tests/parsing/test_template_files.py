"""Template files belong to the code of the DAG file whose tasks render them."""

from pathlib import Path

from tradewind.sdk.parsing import parse_file

DAG_FILE = """
from tradewind.sdk import DAG
from tradewind.sdk.standard.operators.bash import BashOperator

with DAG("d", template_searchpath="sql") as dag:
    BashOperator(task_id="a", bash_command="run.sh")
    BashOperator(task_id="b", bash_command="echo {{ ds }}")
    BashOperator(task_id="c", bash_command="missing.sh")
"""


def test_a_template_file_counts_as_read_wherever_it_is_found(tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    (tmp_path / "file.py").write_text(DAG_FILE)
    before = parse_file(tmp_path, "file.py", timeout_seconds=30)
    (tmp_path / "sql" / "run.sh").write_text("echo 1")
    beside = parse_file(tmp_path, "file.py", timeout_seconds=30)
    assert (before.error, set(before.files_read)) == (None, {"file.py"})
    assert set(beside.files_read) == {"file.py", "sql/run.sh"}
    assert before.code_id != beside.code_id
    (tmp_path / "sql" / "run.sh").write_text("echo 2")
    assert parse_file(tmp_path, "file.py", timeout_seconds=30).code_id != beside.code_id

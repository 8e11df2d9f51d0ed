"""What an import that fails says besides its error."""

from pathlib import Path

import pytest

from tradewind.sdk.contract import DagImportError
from tradewind.sdk.parsing import parse_file


def import_error(folder: Path, text: str) -> DagImportError:
    (folder / "file.py").write_text(text)
    error = parse_file(folder, "file.py", timeout_seconds=30).error
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("from airflow.sdk import DAG\n", "Write tradewind.sdk in place of airflow.sdk."),
        ("import airflow.sdk\n", "Write tradewind.sdk in place of airflow.sdk."),
        (
            "from airflow.providers.standard.operators.bash import (\n    BashOperator,\n)\n",
            "Write tradewind.sdk.standard.operators.bash in place of airflow.providers.standard.operators.bash.",
        ),
        ("from airflow.utils.trigger_rule import TriggerRule\n", "Write tradewind.sdk in place of airflow.utils."),
        ("from airflow.sensors.python import PythonSensor\n", "does not support it yet (sensors)."),
        (
            "from airflow.providers.ssh.hooks.ssh import SSHHook\n",
            "airflow.providers.ssh.hooks.ssh is a part of Airflow",
        ),
        ("from tradewind.sdk.standard.sensors.filesystem import FileSensor\n", "does not support it yet (sensors)."),
        ("import tradewind.sdk.standard.operators.hitl\n", "does not support it yet (human in the loop)."),
        ("import tradewind.sdk.nonsense\n", "does not have it"),
        ("import nonsense_that_is_missing\n", "put it into the bundle"),
    ],
)
def test_a_missing_module_says_what_to_do(tmp_path: Path, text: str, hint: str) -> None:
    error = import_error(tmp_path, text)
    assert (error.type, error.line) == ("ModuleNotFoundError", 1)
    assert hint in error.message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("from tradewind.sdk.bases.operator import BaseAsyncOperator\n", "does not support it yet (async operators)."),
        ("from tradewind.sdk.bases.operator import Nonsense\n", "does not have it"),
    ],
)
def test_a_missing_name_of_a_module_says_what_it_stands_for(tmp_path: Path, text: str, hint: str) -> None:
    error = import_error(tmp_path, text)
    assert (error.type, error.line) == ("ImportError", 1)
    assert hint in error.message

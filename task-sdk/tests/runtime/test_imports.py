"""Rules of a DAG file that reads secrets when tries run: each try imports it and reads in its own name."""

from pathlib import Path

import pytest

from tests.runtime.activities import ControlPlane, assignment
from tradewind.sdk.authoring import secret_source
from tradewind.sdk.contract import TaskFailed, TaskSucceeded
from tradewind.sdk.exceptions import OutsideTaskError
from tradewind.sdk.runtime import DagFileError, ImportNeedsTry, load_for_many, run_activity

READS = """from tradewind.sdk import DAG, Connection, Variable, task
{top}
with DAG("d"):
    @task
    def a():
        return site
    a()
"""

SWALLOWING = """try:
    site = Variable.get("site")
except {}:
    site = "nothing"
"""


def test_a_try_reads_with_its_own_token_while_its_file_is_imported(tmp_path: Path) -> None:
    plane = ControlPlane()
    plane.variables["site"] = "north"
    (tmp_path / "file.py").write_text(READS.format(top="site = Variable.get('site')"))
    outcome = run_activity(assignment(tmp_path), plane, None)
    assert isinstance(outcome, TaskSucceeded)
    assert [entry.value for entry in outcome.xcoms] == ["north"]
    assert [(call.operation, call.parameters["key"]) for call in plane.calls] == [("get_variable", "site")]


def test_what_came_with_the_try_costs_its_import_no_call(tmp_path: Path) -> None:
    plane = ControlPlane()
    (tmp_path / "file.py").write_text(READS.format(top="site = Variable.get('site')"))
    outcome = run_activity(assignment(tmp_path, variables={"site": "pushed"}), plane, None)
    assert isinstance(outcome, TaskSucceeded)
    assert [entry.value for entry in outcome.xcoms] == ["pushed"]
    assert plane.calls == []


def test_a_secret_that_is_gone_fails_the_try_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text(READS.format(top="site = Variable.get('site')"))
    outcome = run_activity(assignment(tmp_path), ControlPlane(), None)
    assert isinstance(outcome, TaskFailed)
    assert "file.py, line 2: VariableNotFound: There is no variable 'site'" in outcome.error.message


@pytest.mark.parametrize(
    ("top", "what"),
    [
        ("site = Variable.get('site', default='d')", "reads variable 'site'"),
        (SWALLOWING.format("Exception"), "reads variable 'site'"),
        (SWALLOWING.format("BaseException"), "reads variable 'site'"),
        ("site = Connection.get('shop').host", "reads connection 'shop'"),
        ("from tradewind.sdk.log import mask_secret\nsite = mask_secret('s3cr3t-w0rd')", "has a secret masked"),
        ("site = Variable.keys()", "reads the names of variables"),
        ("try:\n    Variable.get('site')\nfinally:\n    raise ValueError", "reads variable 'site'"),
    ],
)
def test_an_import_for_many_tries_that_reads_a_secret_is_declined_whatever_the_file_makes_of_it(
    tmp_path: Path, top: str, what: str
) -> None:
    (tmp_path / "file.py").write_text(READS.format(top=top))
    with pytest.raises(ImportNeedsTry) as declined:
        load_for_many(tmp_path, "file.py")
    assert str(declined.value) == (f"The import of file.py {what}, so each try imports the file in its own name.")


def test_other_errors_of_an_import_for_many_tries_are_its_own(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("raise ValueError('broken')\n")
    with pytest.raises(DagFileError, match="broken"):
        load_for_many(tmp_path, "file.py")


def test_a_process_of_a_worker_has_no_secrets_but_those_of_its_activity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_source, "_of_worker", [])
    secret_source.forbid_outside_source()
    with pytest.raises(OutsideTaskError, match=r"Variable\.get\('x'\) works in a running task, and while"):
        secret_source.secret_source("Variable.get('x')")

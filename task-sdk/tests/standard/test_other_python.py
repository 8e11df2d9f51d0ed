"""Rules of the operators that call a function with another interpreter."""

import datetime as dt
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tradewind.sdk import DAG, task
from tradewind.sdk.exceptions import DagAuthoringError
from tradewind.sdk.standard.operators.empty import EmptyOperator
from tradewind.sdk.standard.operators.python import (
    BranchExternalPythonOperator,
    ExternalPythonOperator,
    PythonVirtualenvOperator,
)

DATE = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def describe(number: int, ds: str, logical_date: Any, more: str = "x") -> dict[str, Any]:
    import os  # noqa: PLC0415 - the function runs elsewhere
    import sys  # noqa: PLC0415 - the function runs elsewhere

    print("from the other side")
    return {"number": number, "ds": ds, "year": logical_date.year, "more": more, "pid": os.getpid(), "py": sys.prefix}


def fails() -> None:
    raise LookupError("no such row")


def leaves_with_42() -> None:
    import sys  # noqa: PLC0415 - the function runs elsewhere

    sys.exit(42)


def test_a_function_runs_in_a_virtual_environment_of_its_own() -> None:
    with DAG("d") as dag:
        PythonVirtualenvOperator(
            task_id="a", python_callable=describe, op_args=[3], op_kwargs={"more": "{{ ds_nodash }}"}
        )
    run = dag.test(logical_date=DATE)
    found = run.xcom("a")
    assert {name: found[name] for name in ("number", "ds", "year", "more")} == {
        "number": 3,
        "ds": "2026-03-01",
        "year": 2026,
        "more": "20260301",
    }
    assert found["pid"] != os.getpid()
    assert found["py"] != sys.prefix


def test_an_environment_is_kept_where_it_is_asked_for(tmp_path: Path) -> None:
    with DAG("d") as dag:
        PythonVirtualenvOperator(
            task_id="a", python_callable=describe, op_args=[1], venv_cache_path=tmp_path, system_site_packages=False
        )
    first, second = (dag.test(logical_date=DATE).xcom("a")["py"] for _ in range(2))
    assert first == second
    assert Path(first).parent == tmp_path


def test_a_half_made_environment_is_made_anew(tmp_path: Path) -> None:
    with DAG("d") as dag:
        PythonVirtualenvOperator(task_id="a", python_callable=describe, op_args=[1], venv_cache_path=tmp_path)
    place = Path(dag.test(logical_date=DATE).xcom("a")["py"])
    (place / "tradewind_complete.json").unlink()
    (place / "bin" / "python").unlink()
    assert dag.test(logical_date=DATE).xcom("a")["py"] == str(place)


def test_an_interpreter_that_is_there_is_used() -> None:
    with DAG("d") as dag:
        ExternalPythonOperator(task_id="a", python=sys.executable, python_callable=describe, op_args=[5])
    assert dag.test(logical_date=DATE).xcom("a")["number"] == 5


def test_an_interpreter_that_is_not_there_is_named() -> None:
    with DAG("d") as dag:
        ExternalPythonOperator(task_id="a", python="/nowhere/python", python_callable=describe, op_args=[5])
    error = dag.test().get_task_instance("a").error
    assert error is not None
    assert "There is no Python at '/nowhere/python'" in error.message


def test_what_the_function_raised_is_told() -> None:
    with DAG("d") as dag:
        ExternalPythonOperator(task_id="a", python=sys.executable, python_callable=fails)
    error = dag.test().get_task_instance("a").error
    assert error is not None
    assert error.message == "fails() raised LookupError: no such row"


@pytest.mark.parametrize(("codes", "state"), [(42, "skipped"), ([1, 42], "skipped"), (None, "failed")])
def test_an_exit_code_may_skip_the_task(codes: Any, state: str) -> None:
    with DAG("d") as dag:
        ExternalPythonOperator(
            task_id="a", python=sys.executable, python_callable=leaves_with_42, skip_on_exit_code=codes
        )
    assert str(dag.test().get_task_instance("a").state) == state


def test_texts_are_found_under_the_name_that_airflow_gives_them() -> None:
    def first() -> str:
        return virtualenv_string_args[0]  # type: ignore[name-defined, no-any-return]  # noqa: F821 - the script has it

    with DAG("d") as dag:
        ExternalPythonOperator(task_id="a", python=sys.executable, python_callable=first, string_args=["one"])
    assert dag.test().xcom("a") == "one"


def test_a_lambda_cannot_go_to_another_interpreter() -> None:
    with pytest.raises(DagAuthoringError, match="no lambda"):
        ExternalPythonOperator(task_id="a", python=sys.executable, python_callable=lambda: 1)


def test_an_argument_that_cannot_travel_is_refused() -> None:
    with DAG("d") as dag:
        ExternalPythonOperator(
            task_id="a", python=sys.executable, python_callable=describe, op_kwargs={"number": lambda: 1}
        )
    error = dag.test(logical_date=DATE).get_task_instance("a").error
    assert error is not None
    assert "cannot be passed on by pickle" in error.message


def test_the_decorators_are_the_operators() -> None:
    with DAG("d") as dag:

        @task.external_python(python=sys.executable)
        def double(number: int) -> int:
            return number * 2

        @task.virtualenv
        def triple(number: int) -> int:
            return number * 3

        triple(double(2))
    assert dag.test().xcom("triple") == 12


def test_a_branch_may_be_chosen_elsewhere() -> None:
    def choose() -> str:
        return "a"

    with DAG("d") as dag:
        branch = BranchExternalPythonOperator(task_id="branch", python=sys.executable, python_callable=choose)
        branch >> [EmptyOperator(task_id="a"), EmptyOperator(task_id="b")]
    assert {name: str(state) for name, state in dag.test().states.items()} == {
        "branch": "success",
        "a": "success",
        "b": "skipped",
    }


def test_pickle_stands_in_for_a_serializer_that_the_worker_does_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dill.py").write_text("from pickle import *\n")
    with DAG("d") as dag:
        ExternalPythonOperator(
            task_id="a",
            python=sys.executable,
            python_callable=describe,
            op_args=[4],
            serializer="dill",
            env_vars={"PYTHONPATH": str(tmp_path)},
        )
        ExternalPythonOperator(
            task_id="b", python=sys.executable, python_callable=describe, op_args=[lambda: 1], serializer="dill"
        )
    monkeypatch.setitem(sys.modules, "dill", None)
    run = dag.test(logical_date=DATE)
    assert run.xcom("a")["number"] == 4
    error = run.get_task_instance("b").error
    assert error is not None
    assert error.message.endswith("The package dill is not installed on this worker; install it.")

"""What `tradewind.sdk` offers, and what importing it costs."""

import subprocess
import sys

import pytest

import tradewind.sdk
from tradewind.sdk import exceptions
from tradewind.sdk.authoring.unsupported import PUBLIC_NAMES


def test_every_public_name_loads_and_is_listed() -> None:
    for name in tradewind.sdk.__all__:
        assert getattr(tradewind.sdk, name) is not None
    assert dir(tradewind.sdk) == sorted(tradewind.sdk.__all__)
    assert not set(tradewind.sdk.__all__) & set(PUBLIC_NAMES)


@pytest.mark.parametrize("name", sorted(PUBLIC_NAMES))
def test_a_name_of_airflow_that_is_missing_is_refused_by_a_sentence(name: str) -> None:
    with pytest.raises(ImportError, match=f"{name} is known in airflow.sdk, but this version .* not support it yet"):
        exec(f"from tradewind.sdk import {name}", {})


def test_a_name_that_nobody_knows_is_missing() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = tradewind.sdk.nonsense
    assert not hasattr(tradewind.sdk, "__wrapped__")


def test_airflows_names_of_exceptions_are_the_same_classes() -> None:
    assert exceptions.AirflowException is exceptions.TradewindException
    assert exceptions.AirflowSkipException is exceptions.TradewindSkipException
    assert exceptions.AirflowFailException is exceptions.TradewindFailException
    assert exceptions.AirflowNotFoundException is exceptions.TradewindNotFoundException
    for name in exceptions.__all__:
        assert issubclass(getattr(exceptions, name), BaseException)


def test_a_dag_file_imports_no_network_client() -> None:
    heavy = {"httpx", "websockets", "pydantic", "asyncio", "msgspec", "ssl", "subprocess", "socket"}
    code = "import sys; from tradewind.sdk import DAG, dag, task; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & set(loaded)


@pytest.mark.parametrize("name", ["DeserializingResultError", "PoolNotFound"])
def test_an_exception_of_airflows_server_is_refused_by_a_sentence(name: str) -> None:
    with pytest.raises(ImportError, match=f"{name} is known in airflow.exceptions, but nothing"):
        exec(f"from tradewind.sdk.exceptions import {name}", {})


def test_a_missing_variable_is_caught_as_in_airflow_2_and_3() -> None:
    for base in (KeyError, exceptions.AirflowRuntimeError, exceptions.AirflowNotFoundException):
        assert issubclass(exceptions.VariableNotFound, base)


def test_a_file_is_imported_for_all_its_dags_and_tasks() -> None:
    assert tradewind.sdk.get_parsing_context() == (None, None)
    assert tradewind.sdk.get_parsing_context().dag_id is None

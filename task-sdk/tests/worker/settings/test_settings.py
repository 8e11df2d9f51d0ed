from pathlib import Path

import pytest

from tradewind.sdk.worker.settings import WorkerSettings, WorkerSettingsError, load_worker_settings


def test_a_new_worker_needs_nothing_but_its_credential() -> None:
    settings = load_worker_settings({"TRADEWIND_API_TOKEN": "tw_x", "HOME": "/home/ann"})
    assert settings.api_url == "http://127.0.0.1:8080"
    assert settings.queues == ("default",)
    assert settings.offered() == {"execute_task": 16, "parse_dag_file": 4}
    assert settings.state_directory == Path("/home/ann/.local/state/tradewind/worker")


def test_what_the_caller_chose_comes_before_the_environment() -> None:
    environ = {
        "TRADEWIND_API_TOKEN": "tw_x",
        "TRADEWIND_API_URL": "https://tradewind.example",
        "TRADEWIND_WORKER_QUEUES": "cpu, gpu",
        "TRADEWIND_WORKER_CAPACITY": "4",
        "TRADEWIND_WORKER_STOP_TIMEOUT": "1.5",
        "TRADEWIND_WORKER_DRAIN_TIMEOUT": "600",
        "TRADEWIND_WORKER_RUN_AS_USERS": "etl, nobody",
        "TRADEWIND_WORKER_XCOM_BACKEND": "acme.xcoms:Store",
        "TRADEWIND_WORKER_XCOM_CLASSES": "acme.*, other.Order",
    }
    settings = load_worker_settings(environ, capacity=7, queues=None)
    assert settings.queues == ("cpu", "gpu")
    assert settings.capacity == 7
    assert (settings.stop_timeout, settings.drain_timeout) == (1.5, 600.0)
    assert settings.run_as_users == ("etl", "nobody")
    assert (settings.xcom_backend, settings.xcom_classes) == ("acme.xcoms:Store", ("acme.*", "other.Order"))
    assert settings.api_url == "https://tradewind.example"


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({}, "TRADEWIND_API_TOKEN"),
        ({"TRADEWIND_API_TOKEN": "tw_x", "TRADEWIND_WORKER_CAPACITY": "many"}, "TRADEWIND_WORKER_CAPACITY"),
        ({"TRADEWIND_API_TOKEN": "tw_x", "TRADEWIND_WORKER_CAPACITY": "-1"}, "capacity"),
        ({"TRADEWIND_API_TOKEN": "tw_x", "TRADEWIND_API_URL": "localhost:8080"}, "api_url"),
        ({"TRADEWIND_API_TOKEN": "tw_x", "TRADEWIND_WORKER_QUEUES": "a b"}, "'a b'"),
        ({"TRADEWIND_API_TOKEN": "tw_x", "TRADEWIND_WORKER_XCOM_BACKEND": "Store"}, "xcom_backend is 'Store'"),
    ],
)
def test_a_wrong_setting_is_named(environ: dict[str, str], says: str) -> None:
    with pytest.raises(WorkerSettingsError) as caught:
        load_worker_settings(environ)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("TRADEWIND_WORKER_RUN_AS_USER", "did you mean TRADEWIND_WORKER_RUN_AS_USERS?"),
        ("TRADEWIND_WORKER_QUEUE", "did you mean TRADEWIND_WORKER_QUEUES?"),
        ("TRADEWIND_WORKER_COLOURFULNESS_OF_EVERY_LINE", "settings are TRADEWIND_WORKER_CAPACITY, "),
    ],
)
def test_a_variable_that_is_no_setting_is_refused_with_the_nearest_name(variable: str, says: str) -> None:
    with pytest.raises(WorkerSettingsError, match=f"{variable} is no setting of the worker") as caught:
        load_worker_settings({"TRADEWIND_API_TOKEN": "tw_x", variable: "x"})
    assert says in str(caught.value)


def test_what_kubernetes_says_of_a_service_of_that_name_is_no_mistake() -> None:
    linked = {
        "TRADEWIND_WORKER_SERVICE_HOST": "10.0.0.1",
        "TRADEWIND_WORKER_SERVICE_PORT_HTTP": "80",
        "TRADEWIND_WORKER_PORT": "tcp://10.0.0.1:80",
        "TRADEWIND_WORKER_PORT_80_TCP_ADDR": "10.0.0.1",
        "TRADEWIND_WORKER_PORT_80_TCP": "tcp://10.0.0.1:80",
    }
    assert load_worker_settings({"TRADEWIND_API_TOKEN": "tw_x", **linked}).capacity == 16


def test_the_credential_is_not_shown() -> None:
    assert "tw_secret" not in repr(WorkerSettings(token="tw_secret", state_directory=Path("/tmp/x")))


def test_user_code_gets_the_environment_less_what_is_tradewinds_or_withheld() -> None:
    settings = WorkerSettings(token="t", state_directory=Path("/tmp/x"), withheld_environment=("AWS_SECRET",))
    environ = {"PATH": "/bin", "TRADEWIND_API_TOKEN": "t", "AWS_SECRET": "s"}
    assert settings.child_environment(environ) == {"PATH": "/bin"}

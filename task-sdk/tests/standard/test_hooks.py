"""Hooks that come with the SDK."""

import logging
import signal
from pathlib import Path

import pytest

from tests.authoring.running_task import RunningTask
from tradewind.sdk import contract
from tradewind.sdk.authoring.context import running
from tradewind.sdk.standard.hooks.filesystem import FSHook
from tradewind.sdk.standard.hooks.package_index import PackageIndexHook
from tradewind.sdk.standard.hooks.subprocess import SubprocessHook


def task_with(**fields: str) -> RunningTask:
    task = RunningTask()
    task.connections["mine"] = contract.Connection(conn_id="mine", conn_type="x", **fields)  # type: ignore[arg-type]
    return task


@pytest.mark.parametrize(
    ("extra", "path", "works"),
    [("{}", "", False), ('{"path": "%s"}', "%s", True), ('{"path": "%s/none"}', "%s/none", False)],
)
def test_a_folder_is_what_its_connection_names(tmp_path: Path, extra: str, path: str, works: bool) -> None:
    with running(task_with(extra=extra.replace("%s", str(tmp_path)))):
        hook = FSHook(fs_conn_id="mine")
    assert hook.get_path() == path.replace("%s", str(tmp_path))
    assert hook.test_connection()[0] is works


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "https://index.example/simple"}, "https://index.example/simple"),
        (
            {"host": "https://index.example/simple", "login": "a@b", "password": "p/w"},
            "https://a%40b:p%2Fw@index.example/simple",
        ),
        ({"host": "index.example", "login": "token"}, "token@index.example"),
    ],
)
def test_an_index_is_a_url_with_login_and_password(fields: dict[str, str], url: str) -> None:
    with running(task_with(**fields)):
        hook = PackageIndexHook("mine")
        assert hook.get_connection_url() == hook.get_conn() == url


def test_an_index_without_a_url_is_refused() -> None:
    with running(task_with()), pytest.raises(ValueError, match="needs the URL of the package index as its host"):
        PackageIndexHook("mine").get_conn()


def test_a_program_runs_to_its_end(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "tradewind.task"):
        result = SubprocessHook().run_command(["sh", "-c", "echo one; echo $WORD; exit 3"], env={"WORD": "two"})
    assert result == (3, "two")
    assert [record.getMessage() for record in caplog.records][1:3] == ["one", "two"]


def test_a_program_runs_where_it_is_told_or_in_a_folder_of_its_own(tmp_path: Path) -> None:
    hook = SubprocessHook()
    assert hook.run_command(["pwd"], cwd=str(tmp_path)).output == str(tmp_path)
    assert not Path(hook.run_command(["pwd"]).output).exists()


def test_a_program_that_runs_is_asked_to_end() -> None:
    hook = SubprocessHook()

    class End(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == "started":
                hook.send_sigterm()

    handler = End()
    hook.log.addHandler(handler)
    hook.log.setLevel(logging.INFO)
    try:
        assert hook.run_command(["sh", "-c", "echo started; exec sleep 600"]).exit_code == -signal.SIGTERM
    finally:
        hook.log.removeHandler(handler)
        hook.log.setLevel(logging.NOTSET)


def test_nothing_is_ended_when_nothing_runs() -> None:
    SubprocessHook().send_sigterm()

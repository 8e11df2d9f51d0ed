"""Rules of `BashOperator`, on real processes."""

import datetime as dt
import logging
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tradewind.sdk import DAG, Context, literal
from tradewind.sdk.authoring.context import ContextValues
from tradewind.sdk.exceptions import (
    AirflowException,
    AirflowSkipException,
    DagAuthoringError,
    TaskTerminated,
    TradewindException,
)
from tradewind.sdk.standard.operators.bash import BashOperator
from tradewind.sdk.standard.operators.empty import EmptyOperator

DEADLINE_SECONDS = 20.0


def context_of(operator: BashOperator) -> Context:
    instance = SimpleNamespace(dag_id="d", task_id=operator.task_id, run_id="r", try_number=2, task=operator)
    run = SimpleNamespace(logical_date=dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
    return cast("Context", ContextValues(ti=instance, dag_run=run))


def bash(command: Any, **arguments: Any) -> Any:
    operator = BashOperator(task_id="a", bash_command=command, **arguments)
    return operator.execute(context_of(operator))


def wait_until_gone(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended, _, _ = select.select([descriptor], [], [], DEADLINE_SECONDS)
    os.close(descriptor)
    assert ended, f"process {pid} is still there"


def test_the_last_line_is_the_result() -> None:
    assert bash("echo one; echo two") == "two"
    assert bash("printf 'no end'") == "no end"
    assert bash("echo '  x  '") == "  x"
    assert bash("true") == ""


def test_both_streams_are_logged_line_by_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bash("echo out; echo err >&2; printf 'last'")
    assert caplog.messages == [
        "Running command: ['bash', '-c', \"echo out; echo err >&2; printf 'last'\"]",
        "out",
        "err",
        "last",
        "Command exited with return code 0",
    ]


def test_a_line_without_end_comes_in_pieces(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    result = bash("head -c 200000 /dev/zero | tr '\\0' 'x'")
    assert result == "x" * 200_000
    assert [len(message) for message in caplog.messages[1:-1]] == [65536, 65536, 65536, 3392]


def test_an_exit_code_other_than_zero_fails() -> None:
    with pytest.raises(AirflowException, match="non-zero exit code 3"):
        bash("exit 3")
    with pytest.raises(AirflowException, match=r"non-zero exit code -9"):
        bash("kill -9 $$")


def test_exit_code_99_skips_unless_another_one_does() -> None:
    with pytest.raises(AirflowSkipException, match="returned exit code 99"):
        bash("exit 99")
    with pytest.raises(AirflowSkipException):
        bash("exit 4", skip_on_exit_code=[3, 4])
    with pytest.raises(AirflowSkipException):
        bash("exit 5", skip_on_exit_code=5)
    with pytest.raises(AirflowException, match="non-zero exit code 99") as failed:
        bash("exit 99", skip_on_exit_code=None)
    assert not isinstance(failed.value, AirflowSkipException)


def test_the_environment_is_inherited_replaced_or_extended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHERITED", "yes")
    show = "echo ${INHERITED:-no} ${OWN:-no}"
    assert bash(show) == "yes no"
    assert bash(show, env={"OWN": "x"}) == "no x"
    assert bash(show, env={"OWN": "x"}, append_env=True) == "yes x"
    with pytest.raises(TradewindException, match="env of task 'a' must hold strings only; 'OWN' is int"):
        bash(show, env={"OWN": 1})


def test_the_command_sees_where_it_runs() -> None:
    shown = bash("echo $TRADEWIND_CTX_DAG_ID $AIRFLOW_CTX_TASK_ID $AIRFLOW_CTX_LOGICAL_DATE $TRADEWIND_CTX_TRY_NUMBER")
    assert shown == "d a 2024-01-01T00:00:00+00:00 2"


def test_the_directory_is_a_temporary_one_unless_given(tmp_path: Path) -> None:
    directory = bash("pwd")
    assert "tradewind" in directory
    assert not Path(directory).exists()
    assert bash("pwd", cwd=str(tmp_path)) == str(tmp_path)
    with pytest.raises(TradewindException, match="cwd '/nowhere' of task 'a' does not exist"):
        bash("true", cwd="/nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(TradewindException, match="is no directory"):
        bash("true", cwd=str(tmp_path / "file"))


def test_output_is_decoded_whatever_it_is() -> None:
    assert bash(r"printf '\xff\n'") == r"\xff"
    assert bash(r"printf '\xe4\n'", output_encoding="latin-1") == "ä"
    assert bash(r"printf 'a\rb\n'") == "a\rb"


def test_the_result_may_be_processed() -> None:
    assert bash("echo 5", output_processor=int) == 5


def test_input_is_empty() -> None:
    assert bash("cat; echo end") == "end"


def test_background_processes_are_waited_for_while_they_write() -> None:
    assert bash("(sleep 0.2; echo late) & echo early") == "late"


def test_what_is_left_of_the_process_group_is_killed() -> None:
    pid = int(bash("sleep 1000 >/dev/null 2>&1 & echo $!"))
    wait_until_gone(pid)


def test_an_interrupt_kills_the_whole_group(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    os.mkfifo(marker)
    operator = BashOperator(task_id="a", bash_command=f"sleep 1000 & echo $! > {marker}; wait")
    pids: list[int] = []

    def interrupt() -> None:
        pids.append(int(marker.read_text()))
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        operator.execute(context_of(operator))
    thread.join()
    wait_until_gone(pids[0])


def test_a_command_dies_with_the_process_of_its_task(tmp_path: Path) -> None:
    program = """
import sys
from tradewind.sdk.standard.shell import ShellCommand
command = ShellCommand(["bash", "-c", "echo $$; exec sleep 1000"], environment={"PATH": "/usr/bin:/bin"},
                       directory="/", encoding="utf-8")
command.run(lambda line: print(line, flush=True))
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as task:
        assert task.stdout is not None
        pid = int(task.stdout.readline())
        task.kill()
    wait_until_gone(pid)


def test_on_kill_ends_a_command_that_does_not_react_to_sigterm(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    operator = BashOperator(task_id="a", bash_command=f"trap '' TERM; echo $$ > {ready}; while :; do sleep 0.05; done")
    pids: list[int] = []

    def on_signal(number: int, frame: object) -> None:
        operator.on_kill()
        raise TaskTerminated

    def terminate() -> None:
        pids.append(int(ready.read_text()))
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, on_signal)
    thread = threading.Thread(target=terminate)
    thread.start()
    try:
        with pytest.raises(TaskTerminated):
            operator.execute(context_of(operator))
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, before)
    wait_until_gone(pids[0])


def test_a_command_that_is_just_starting_when_the_task_has_to_end_is_ended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class SignalledWhileStarting(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)
            signal.raise_signal(signal.SIGUSR1)
            started.append(self)

    def on_signal(number: int, frame: object) -> None:
        operator.on_kill()
        raise TaskTerminated

    monkeypatch.setattr(subprocess, "Popen", SignalledWhileStarting)
    operator = BashOperator(task_id="a", bash_command="sleep 1000")
    before = signal.signal(signal.SIGUSR1, on_signal)
    try:
        with pytest.raises(TaskTerminated):
            operator.execute(context_of(operator))
        assert signal.getsignal(signal.SIGUSR1) is on_signal
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(started) == 2
    assert started[0].returncode == -signal.SIGTERM


def test_arguments_that_cannot_be_are_refused() -> None:
    with pytest.raises(DagAuthoringError, match="bash_command of task 'a' must be a string"):
        BashOperator(task_id="a", bash_command=["ls"])  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(DagAuthoringError, match="env of task 'a' must be a dict"):
        BashOperator(task_id="a", bash_command="ls", env="X=1")  # type: ignore[arg-type]  # wrong on purpose


def test_command_and_environment_may_be_results_of_tasks() -> None:
    with DAG("d"):
        first = EmptyOperator(task_id="first")
        second = BashOperator(task_id="b", bash_command=first.output, env={"X": first.output["x"]})
        third = BashOperator(task_id="c", bash_command=literal("echo '{{ }}'"))
    assert second.upstream_task_ids == {"first"}
    assert third.upstream_task_ids == set()


def test_an_empty_operator_does_nothing() -> None:
    operator = EmptyOperator(task_id="a")
    operator.execute(cast("Context", {}))

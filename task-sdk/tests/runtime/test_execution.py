"""Rules around `execute`: hooks, time limit, retry policy, skips of other tasks, generators."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtime.activities import Bench
from tradewind.sdk.contract import TaskSkipped, TaskSucceeded


def function(body: str, parameters: str = "", decorator: str = "@task") -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"{decorator}\ndef a({parameters}):\n{lines}a()\n"


def test_hooks_given_as_arguments_are_called_around_execute(bench: Bench) -> None:
    top = """
seen = []
class Own(BaseOperator):
    template_fields = ("value",)
    def __init__(self, *, value, **kwargs):
        super().__init__(**kwargs)
        self.value = value
    def pre_execute(self, context):
        super().pre_execute(context)
        seen.append("method before")
    def execute(self, context):
        seen.append("execute")
        return seen
    def post_execute(self, context, result=None):
        result.append("method after")
"""
    arguments = "pre_execute=lambda c: seen.append(c['task'].value), post_execute=lambda c, r: r.append('hook after')"
    bench.write(f"Own(task_id='a', value='{{{{ ds }}}}', {arguments})", top=top)
    assert bench.returned() == ["2024-03-01", "method before", "execute", "hook after", "method after"]


def test_a_hook_may_skip_the_task(bench: Bench) -> None:
    top = "def stop(context):\n    raise AirflowSkipException('no')\n"
    bench.write("EmptyOperator(task_id='a', pre_execute=stop)", top=top)
    assert isinstance(bench.run(), TaskSkipped)


def test_a_task_is_stopped_at_its_time_limit_and_may_be_retried(bench: Bench, tmp_path: Path) -> None:
    marker = tmp_path / "killed"
    top = f"""
import datetime, threading
class Slow(BaseOperator):
    def execute(self, context):
        try:
            threading.Event().wait()
        except Exception:
            pass
    def on_kill(self):
        open({str(marker)!r}, "w").close()
"""
    bench.write("Slow(task_id='a', execution_timeout=datetime.timedelta(seconds=0.05))", top=top)
    before = signal.getsignal(signal.SIGALRM)
    error = bench.failed().error
    assert (error.type, error.retryable) == ("TradewindTaskTimeout", True)
    assert error.message == "The task ran longer than its execution_timeout of 0.05 seconds."
    assert marker.exists()
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_time_limit_stops_a_bash_command_and_all_that_it_started(bench: Bench, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    command = f"sleep 1000 & echo $! > {pid}; wait"
    body = f"BashOperator(task_id='a', bash_command={command!r}, execution_timeout=datetime.timedelta(seconds=0.5))"
    bench.write(body, top="import datetime")
    assert bench.failed().error.type == "TradewindTaskTimeout"
    try:
        sleeping = os.pidfd_open(int(pid.read_text()))
    except ProcessLookupError:
        return
    assert select.select([sleeping], [], [], 30)[0] == [sleeping]
    os.close(sleeping)


def test_a_task_within_its_time_limit_succeeds(bench: Bench) -> None:
    bench.write(
        function("return 1", decorator="@task(execution_timeout=datetime.timedelta(hours=1))"), top="import datetime"
    )
    assert bench.returned() == 1
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


POLICY = """
import datetime
from tradewind.sdk import RetryPolicy, RetryDecision, ExceptionRetryPolicy, RetryRule, RetryAction
policy = ExceptionRetryPolicy(rules=[
    RetryRule(exception=ValueError, action=RetryAction.FAIL, reason="never better"),
    RetryRule(exception="builtins.OSError", action=RetryAction.RETRY, retry_delay=datetime.timedelta(seconds=7)),
    RetryRule(exception=AirflowFailException, action=RetryAction.RETRY),
    RetryRule(exception=AirflowTaskTimeout, action=RetryAction.FAIL),
])
class Own(RetryPolicy):
    def evaluate(self, exception, try_number, max_tries, context=None):
        seen = f"{type(exception).__name__} {try_number} {max_tries} {context['ds']} {Variable.get('v')}"
        return RetryDecision.retry(datetime.timedelta(0), seen)
class Broken(RetryPolicy):
    def evaluate(self, exception, try_number, max_tries, context=None):
        raise KeyError("broken")
class Odd(RetryPolicy):
    def evaluate(self, exception, try_number, max_tries, context=None):
        return RetryDecision.retry(datetime.timedelta(seconds=-1))
"""


@pytest.mark.parametrize(
    ("raised", "policy", "verdict"),
    [
        ("ValueError('x')", "policy", (False, None, "never better")),
        ("FileNotFoundError('x')", "policy", (True, 7.0, "A rule matches FileNotFoundError.")),
        ("KeyError('x')", "policy", (True, None, None)),
        ("AirflowFailException('x')", "policy", (False, None, None)),
        ("AirflowTaskTimeout('x')", "policy", (False, None, "A rule matches TradewindTaskTimeout.")),
        ("SystemExit(3)", "policy", (True, None, None)),
        ("ValueError('x')", "Own()", (True, 0.0, "ValueError 2 3 2024-03-01 ***")),
        ("ValueError('x')", "Broken()", (True, None, None)),
        ("ValueError('x')", "Odd()", (True, None, None)),
    ],
)
def test_a_retry_policy_decides_by_the_exception(
    bench: Bench, raised: str, policy: str, verdict: tuple[object, ...]
) -> None:
    bench.plane.variables["v"] = "s3cret-value"
    bench.write(function(f"raise {raised}", decorator=f"@task(retry_policy={policy})"), top=POLICY)
    error = bench.failed().error
    assert (error.retryable, error.retry_delay_seconds, error.retry_reason) == verdict


def test_a_retry_policy_is_not_asked_about_a_skip(bench: Bench) -> None:
    bench.write(function("raise AirflowSkipException('x')", decorator="@task(retry_policy=Broken())"), top=POLICY)
    assert isinstance(bench.run(), TaskSkipped)


def test_tasks_that_are_not_needed_are_in_the_outcome(bench: Bench) -> None:
    others = "b, c, d = [EmptyOperator(task_id=name) for name in 'bcd']\n"
    body = "ti.skip_tasks(['b', ti.task.dag.get_task('c')])\nti.skip_tasks([('d', -1), 'b'])\nreturn 1"
    outcome = bench.run(others + function(body, "ti"))
    assert isinstance(outcome, TaskSucceeded)
    assert outcome.skips == ["b", "c", "d"]
    raising = bench.run(others + function("raise DownstreamTasksSkipped(tasks=['b', ('c', -1)])"))
    assert isinstance(raising, TaskSucceeded)
    assert (raising.skips, raising.xcoms) == (["b", "c"], [])
    nothing = bench.run(others + function("pass"))
    assert isinstance(nothing, TaskSucceeded)
    assert nothing.skips is None
    assert "no task 'x'" in bench.failed(others + function("ti.skip_tasks(['x'])", "ti")).error.message
    assert bench.failed(function("raise DownstreamTasksSkipped(tasks=['x'])")).error.type == "TaskNotFound"


def test_a_generator_function_runs_to_its_end(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    assert bench.returned(function("yield 1\nyield 2\nreturn 3")) == 3
    assert "Ignored 2 yielded value(s)" in caplog.text
    operator = """
class Own(BaseOperator):
    def execute(self, context):
        yield
        return context["ds"]
"""
    bench.write("Own(task_id='a')", top=operator)
    assert bench.returned() == "2024-03-01"
    body = "PythonOperator(task_id='a', python_callable=numbers)"
    bench.write(body, top="def numbers():\n    yield 1\n    return 5\n")
    assert bench.returned() == 5


def test_what_a_function_promises_to_return_says_whether_it_has_several_outputs(bench: Bench) -> None:
    top = """
from typing import TypedDict
class Sizes(TypedDict):
    low: int
"""
    for promise, keys in [("Sizes", 2), ("dict[str, int]", 2), ("dict", 2), ("list", 1)]:
        bench.write(f"@task\ndef a() -> {promise}:\n    return {{'low': 1}}\na()", top=top)
        outcome = bench.run()
        assert isinstance(outcome, TaskSucceeded)
        assert len(outcome.xcoms) == keys, promise


def test_notes_of_an_exception_are_told(bench: Bench) -> None:
    body = "error = ValueError('broken')\nerror.add_note('Ask the operators.')\nraise error"
    assert bench.failed(function(body)).error.message == "broken\nAsk the operators."


@pytest.mark.parametrize("name", ["TaskDeferred", "AirflowRescheduleException", "NotMapped"])
def test_exceptions_of_later_features_are_refused_by_a_sentence(name: str) -> None:
    program = [sys.executable, "-c", f"from tradewind.sdk.exceptions import {name}"]
    answer = subprocess.run(program, check=False, capture_output=True, text=True)
    assert (
        f"{name} is known in airflow.exceptions, but this version of Tradewind does not support it yet" in answer.stderr
    )

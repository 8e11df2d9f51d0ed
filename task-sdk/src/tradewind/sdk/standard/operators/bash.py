"""`BashOperator`: a task that runs a Bash command."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tradewind.sdk.authoring.context import Context
from tradewind.sdk.authoring.context_environment import context_environment
from tradewind.sdk.authoring.operator import BaseOperator
from tradewind.sdk.authoring.xcom_arg import ResolveMixin
from tradewind.sdk.exceptions import DagAuthoringError, TradewindException, TradewindSkipException

if TYPE_CHECKING:
    from tradewind.sdk.standard.shell import ShellCommand


class BashOperator(BaseOperator):
    """Runs a Bash command; the last line that it writes to its standard output is the result of the task.

    The command runs in a process group of its own and cannot outlive the task. Both of its output streams go to the
    log. It sees `TRADEWIND_CTX_DAG_ID`, `…_TASK_ID`, `…_DAG_RUN_ID`, `…_TRY_NUMBER` and the like, also under Airflow's
    names.

    Args:
        bash_command: the command, or several.
        env: its environment; that of the task when None.
        append_env: whether `env` is added to the environment of the task instead of replacing it.
        output_encoding: encoding of what it writes.
        skip_on_exit_code: exit codes by which the task ends as skipped; None for none.
        cwd: directory to run in; a temporary one when None.
        output_processor: what makes the result of the last line.
        kwargs: as for `BaseOperator`.
    """

    template_fields: Collection[str] = ("bash_command", "env", "cwd")
    template_ext: Sequence[str] = (".sh", ".bash")
    ui_color = "#f0ede4"

    def __init__(
        self,
        *,
        bash_command: str | ResolveMixin,
        env: Mapping[str, Any] | ResolveMixin | None = None,
        append_env: bool = False,
        output_encoding: str = "utf-8",
        skip_on_exit_code: int | Container[int] | None = 99,
        cwd: str | ResolveMixin | None = None,
        output_processor: Callable[[str], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(bash_command, str | ResolveMixin):
            raise DagAuthoringError(f"bash_command of task {self.task_id!r} must be a string, not {bash_command!r}.")
        if env is not None and not isinstance(env, Mapping | ResolveMixin):
            raise DagAuthoringError(f"env of task {self.task_id!r} must be a dict, not {env!r}.")
        self.bash_command = bash_command
        self.env = env
        self.append_env = append_env
        self.output_encoding = output_encoding
        self.skip_on_exit_code = skip_on_exit_code
        self.cwd = cwd
        self.output_processor = output_processor
        self._command: ShellCommand | None = None

    def execute(self, context: Context) -> Any:
        from tradewind.sdk.standard.shell import ShellCommand

        with self._directory() as directory:
            self.log.info("Running command: %s", ["bash", "-c", self.bash_command])
            self._command = ShellCommand(
                ["bash", "-c", str(self.bash_command)],
                environment=self.get_env(context),
                directory=directory,
                encoding=self.output_encoding,
            )
            try:
                result = self._command.run(lambda line: self.log.info("%s", line))
            except FileNotFoundError as error:
                raise TradewindException("There is no program `bash` on this worker; install it.") from error
        self._command = None
        self.log.info("Command exited with return code %s", result.exit_code)
        if self._is_skip(result.exit_code):
            raise TradewindSkipException(f"Bash command returned exit code {result.exit_code}. Skipping.")
        if result.exit_code:
            raise TradewindException(
                f"Bash command failed. The command returned a non-zero exit code {result.exit_code}."
            )
        return self.output_processor(result.last_line) if self.output_processor else result.last_line

    def get_env(self, context: Context) -> dict[str, str]:
        """The environment of the command.

        Raises:
            TradewindException: a name or value of `env` is no string.
        """
        given: Mapping[Any, Any] = self.env if isinstance(self.env, Mapping) else {}
        for name, value in given.items():
            if not (isinstance(name, str) and isinstance(value, str)):
                raise TradewindException(
                    f"env of task {self.task_id!r} must hold strings only; {name!r} is {type(value).__name__}."
                )
        inherited = dict(os.environ) if self.env is None or self.append_env else {}
        return {**inherited, **given, **context_environment(context)}

    def on_kill(self) -> None:
        if self._command is not None:
            self._command.stop()

    @contextmanager
    def _directory(self) -> Iterator[str]:
        if self.cwd is None:
            import tempfile  # with all that it imports, it would be in every process of a worker

            with tempfile.TemporaryDirectory(prefix="tradewind") as directory:
                yield directory
            return
        directory = str(self.cwd)
        if not os.path.isdir(directory):  # noqa: PTH112 - a string from first to last
            problem = "is no directory" if os.path.exists(directory) else "does not exist"  # noqa: PTH110 - the same
            raise TradewindException(f"cwd {directory!r} of task {self.task_id!r} {problem} on this worker.")
        yield directory

    def _is_skip(self, exit_code: int) -> bool:
        codes = self.skip_on_exit_code
        if codes is None:
            return False
        return exit_code == codes if isinstance(codes, int) else exit_code in codes

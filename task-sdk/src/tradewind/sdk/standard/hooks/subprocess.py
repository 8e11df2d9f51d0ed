"""Runs programs for operators and tasks; their output is the task's log."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tradewind.sdk.authoring.hooks import BaseHook
from tradewind.sdk.standard.shell import ShellCommand


class SubprocessResult(NamedTuple):
    """How a program ended: its exit code, below zero for the signal that ended it, and the last line that it wrote."""

    exit_code: int
    output: str


class SubprocessHook(BaseHook):
    """Runs one program after the other, each in a process group of its own that ends with the task."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._command: ShellCommand | None = None

    def run_command(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        output_encoding: str = "utf-8",
        cwd: str | None = None,
    ) -> SubprocessResult:
        """Run a program to its end and pass on what it writes, line by line.

        Args:
            command: program and arguments.
            env: its whole environment; that of the task when None.
            output_encoding: of what it writes.
            cwd: where it runs; an empty folder that is deleted afterwards when None.

        Raises:
            OSError: it could not be started.
        """
        with contextlib.ExitStack() as stack:
            directory = cwd or stack.enter_context(tempfile.TemporaryDirectory(prefix="tradewind-"))
            self._command = ShellCommand(
                command,
                environment=os.environ if env is None else env,
                directory=directory,
                encoding=output_encoding,
            )
            self.log.info("Output:")
            try:
                result = self._command.run(lambda line: self.log.info("%s", line))
            finally:
                self._command = None
        self.log.info("Command exited with return code %s", result.exit_code)
        return SubprocessResult(result.exit_code, result.last_line)

    def send_sigterm(self) -> None:
        """Ask the program that runs now to end; it is killed when it does not."""
        if self._command is not None:
            self.log.info("Sending %s to the process group", signal.SIGTERM.name)
            self._command.stop()

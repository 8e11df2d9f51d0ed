"""Calls `tradewind` in this process, against a real server that answers as a test says."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from tests.client.loopback import Answer, Loopback
from tradewind.sdk.cli.main import tradewind

NOBODY = "http://127.0.0.1:1"
"""A server that is not there: whoever asks it gets exit code 3."""


@dataclass
class Program:
    """The command, for one server.

    Args:
        server: answers it.
        home: `TRADEWIND_HOME`.
    """

    server: Loopback
    home: Path

    def __call__(self, *arguments: str, given: str | None = None) -> Result:
        """Call it; an exception that is no exit is one of the test.

        Args:
            arguments: of the command line.
            given: what stands in its standard input.
        """
        return self._call(self.server.url, arguments, given)

    def alone(self, *arguments: str) -> Result:
        """Call it without a server."""
        return self._call(NOBODY, arguments, None)

    def answers(self, *bodies: Any) -> None:
        """What the server answers next, each once and the last one again and again."""
        self.server.answers = [body if isinstance(body, Answer) else answer(body) for body in bodies]

    @property
    def sent(self) -> list[tuple[str, str, Any]]:
        """Method, path and body of each request."""
        return [
            (one.method, one.path.removeprefix("/api/v2"), json.loads(one.body) if one.body else None)
            for one in self.server.received
        ]

    def _call(self, url: str, arguments: tuple[str, ...], given: str | None) -> Result:
        environment = {"TRADEWIND_HOME": str(self.home), "TRADEWIND_API_URL": url, "TRADEWIND_API_TOKEN": "tw_test"}
        result = CliRunner().invoke(tradewind, arguments, input=given, env=environment, prog_name="tradewind")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result


def answer(body: Any, status: int = 200) -> Answer:
    """An answer in JSON; None for an empty one."""
    return Answer(204) if body is None else Answer(status, json.dumps(body).encode())


def problem(status: int, reason: str, detail: str = "It cannot be.", field: str | None = None) -> Answer:
    """A refusal."""
    body = {"type": "about:blank", "title": reason, "status": status, "reason": reason, "detail": detail}
    return Answer(status, json.dumps({**body, "field": field}).encode(), "application/problem+json")


EXISTS = problem(409, "already_exists", "There is one already.")
UNKNOWN = problem(404, "not_found", "There is none.")

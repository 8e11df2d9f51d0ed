"""What a worker gives its tasks beyond what the server sends: secrets of its own, and how it keeps XComs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tradewind.sdk.client.calls import Reply
from tradewind.sdk.contract import Problem, ProblemReason, to_plain
from tradewind.sdk.environment_secrets import EnvironmentSecrets
from tradewind.sdk.exceptions import TradewindException
from tradewind.sdk.worker.settings import WorkerSettings


@dataclass(frozen=True)
class ForTasks:
    """See the module.

    Attributes:
        secrets: what the worker's environment holds. It never reaches a task's environment: a task gets what it asks
            for, and that is masked in its log.
        xcom_backend: class that keeps XComs, as `module:Class`.
        xcom_classes: patterns of the classes that XComs may be turned into.
    """

    secrets: EnvironmentSecrets = field(default_factory=lambda: EnvironmentSecrets({}))
    xcom_backend: str | None = None
    xcom_classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: WorkerSettings, environ: Mapping[str, str]) -> ForTasks:
        """What a worker with these settings and this environment gives."""
        return cls(EnvironmentSecrets(environ), settings.xcom_backend, settings.xcom_classes)

    def answer(self, operation: str, parameters: Mapping[str, str]) -> Reply | None:
        """The answer to a task's call that the server need not be asked for; None when it has to be."""
        try:
            if operation == "get_variable":
                variable = self.secrets.variable(parameters.get("key", ""))
                return None if variable is None else Reply(200, to_plain(variable))
            if operation == "get_connection":
                connection = self.secrets.connection(parameters.get("conn_id", ""))
                return None if connection is None else Reply(200, to_plain(connection))
        except TradewindException as error:
            return _wrong_setting(str(error))
        return None


NOTHING_FOR_TASKS = ForTasks()
"""Of a worker without secrets and without settings for XComs."""


def _wrong_setting(detail: str) -> Reply:
    problem = Problem(
        type=f"https://tradewind.dev/problems/{ProblemReason.INVALID_VALUE}",
        title="Invalid value",
        status=422,
        detail=detail,
        reason=ProblemReason.INVALID_VALUE,
        action="Correct the variable in the environment of the worker and restart it.",
    )
    return Reply(422, to_plain(problem))

"""What decides after a failed try whether another one is made, by the exception that ended it."""

from __future__ import annotations

import datetime as dt
import enum
import importlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tradewind.sdk.exceptions import DagAuthoringError

ExceptionSpec: TypeAlias = type[BaseException] | str
"""A class of exceptions, or the dotted path of one."""

_log = logging.getLogger("tradewind.task")


class RetryAction(enum.Enum):
    """What happens after a failed try."""

    RETRY = "retry"
    """Another try, while the task has retries left."""
    FAIL = "fail"
    """The task fails, whatever retries it has left."""
    DEFAULT = "default"
    """What happens to a task without a policy."""


@dataclass(frozen=True)
class RetryDecision:
    """What a policy says about one failure.

    Args:
        action: what happens.
        retry_delay: pause before the next try; that of the task when None.
        reason: why, in words; they stand in the log of the try.
    """

    action: RetryAction = RetryAction.DEFAULT
    retry_delay: dt.timedelta | None = None
    reason: str | None = None

    @classmethod
    def fail(cls, reason: str | None = None) -> RetryDecision:
        """No further try."""
        return cls(RetryAction.FAIL, reason=reason)

    @classmethod
    def retry(cls, delay: dt.timedelta | None = None, reason: str | None = None) -> RetryDecision:
        """Another try, after a pause of its own if one is given."""
        return cls(RetryAction.RETRY, delay, reason)

    @classmethod
    def default(cls) -> RetryDecision:
        """What happens to a task without a policy."""
        return cls()


class RetryPolicy(ABC):
    """Base of policies: override `evaluate`. It runs in the process of the task, with the exception at hand."""

    @abstractmethod
    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Mapping[str, Any] | None = None
    ) -> RetryDecision:
        """Decide about a failure. Not asked about exceptions that always end the task, as TradewindFailException does.

        Args:
            exception: what ended the try.
            try_number: which try it was, from 1.
            max_tries: how many the task has.
            context: the context of the task.
        """


@dataclass
class RetryRule:
    """What to do about some exceptions.

    Args:
        exception: a class, a dotted path such as `"requests.exceptions.HTTPError"`, or a list of either.
        action: what to do.
        retry_delay: pause before the next try; that of the task when None.
        reason: why, in words.
        match_subclasses: whether exceptions of derived classes match, too.

    Raises:
        DagAuthoringError: a value that cannot be.
    """

    exception: ExceptionSpec | Sequence[ExceptionSpec]
    action: RetryAction = RetryAction.RETRY
    retry_delay: dt.timedelta | None = None
    reason: str | None = None
    match_subclasses: bool = True
    _classes: tuple[type[BaseException], ...] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self._specs:
            raise DagAuthoringError("exception of a RetryRule must name one exception at least.")
        specs: Sequence[object] = self._specs
        for spec in specs:
            if isinstance(spec, type) and issubclass(spec, BaseException):
                continue
            if not isinstance(spec, str) or not all(part.isidentifier() for part in f"{spec}.".split(".")[:-1]):
                raise DagAuthoringError(
                    f"exception of a RetryRule must be a class of exceptions or its path, not {spec!r}."
                )
            if "." not in spec:
                raise DagAuthoringError(
                    f"exception of a RetryRule is {spec!r}; a text must be a dotted path, such as "
                    "'builtins.ValueError'."
                )
        if not isinstance(self.action, RetryAction):
            raise DagAuthoringError(f"action of a RetryRule must be a RetryAction, not {self.action!r}.")
        if self.retry_delay is not None and not isinstance(self.retry_delay, dt.timedelta):
            raise DagAuthoringError(f"retry_delay of a RetryRule must be a timedelta, not {self.retry_delay!r}.")

    def matches(self, exception: BaseException) -> bool:
        """Whether the rule is about this exception. A path that cannot be imported matches nothing."""
        if self._classes is None:
            self._classes = tuple(found for spec in self._specs if (found := _exception_class(spec)) is not None)
        return isinstance(exception, self._classes) if self.match_subclasses else type(exception) in self._classes

    @property
    def _specs(self) -> Sequence[ExceptionSpec]:
        return self.exception if isinstance(self.exception, list | tuple) else [self.exception]  # type: ignore[list-item]


class ExceptionRetryPolicy(RetryPolicy):
    """Decides by the first rule that matches the exception.

    Args:
        rules: the rules, in order.
        default: what to do about exceptions that no rule matches.

    Raises:
        DagAuthoringError: a value that cannot be.
    """

    def __init__(self, rules: Sequence[RetryRule], default: RetryAction = RetryAction.DEFAULT) -> None:
        self.rules = list(rules)
        self.default = default
        for rule in self.rules:
            if not isinstance(rule, RetryRule):
                raise DagAuthoringError(f"rules of an ExceptionRetryPolicy must be RetryRules, not {rule!r}.")
        if not isinstance(default, RetryAction):
            raise DagAuthoringError(f"default of an ExceptionRetryPolicy must be a RetryAction, not {default!r}.")

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Mapping[str, Any] | None = None
    ) -> RetryDecision:
        for rule in self.rules:
            if rule.matches(exception):
                reason = rule.reason or f"A rule matches {type(exception).__name__}."
                return RetryDecision(rule.action, rule.retry_delay, reason)
        return RetryDecision(self.default)


def _exception_class(spec: ExceptionSpec) -> type[BaseException] | None:
    if isinstance(spec, type):
        return spec
    module, _, name = spec.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        found = None
    if isinstance(found, type) and issubclass(found, BaseException):
        return found
    _log.warning("RetryRule: there is no exception %r; the rule does not match by it.", spec)
    return None

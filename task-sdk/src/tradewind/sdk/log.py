"""Masking of further secrets in logs, as `airflow.sdk.log` has it."""

from __future__ import annotations

from typing import Any

from tradewind.sdk.authoring.secret_source import secret_source
from tradewind.sdk.masking import given_values

__all__ = ["mask_secret"]


def mask_secret(secret: Any, name: str | None = None) -> None:
    """Hide a text in the log of the running task, and in its errors, from now on.

    What a task reads as a variable or connection is hidden anyway. Where no worker keeps the log, as in `dag.test()`,
    nothing is hidden in what is printed.

    Args:
        secret: a text, a dict whose values are hidden under names such as `password`, or a collection of these. Texts
            of fewer than three characters are passed over.
        name: what the secret is called; under a name that does not speak of a secret it is not hidden.

    Raises:
        ProblemError: the task had more than 1,000 texts masked.
        OutsideTaskError: nothing runs in this process of a worker.
    """
    values = list(given_values(secret, name))
    if values:
        secret_source("mask_secret()").mask(values)

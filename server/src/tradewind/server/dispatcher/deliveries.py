"""Builds what travels to a worker: an activity with its execution token and declared secrets."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from tradewind.server.auth.tokens import MintedToken
from tradewind.server.contract import (
    VERSION,
    ActivityKind,
    Delivery,
    ExecuteTask,
    Grants,
    Secrets,
    SerializedDag,
    WireModel,
    encode,
)
from tradewind.server.domain.grants import effective_grants
from tradewind.server.domain.refusals import Refused
from tradewind.server.secrets import CipherError
from tradewind.server.store import Transaction, dags, secrets
from tradewind.server.store.handouts import Handout

DAG_VERSIONS_IN_MEMORY = 512

NO_SECRETS = Secrets(connections=[], variables=[])


MOST_FAULT_CHARACTERS = 2000
"""An error of the try holds a fault, and some words around it."""


class UndeliverableError(Exception):
    """What is stored for an activity cannot be sent to anybody; the message says what, and what to do."""


class TokenMinter(Protocol):
    """Signs execution tokens."""

    def mint(self, kind: ActivityKind, activity_id: str, dispatch_id: str, now: datetime) -> MintedToken:
        """A new token that is good for one dispatch of one activity."""


class DeliveryBuilder:
    """Makes deliveries of handouts; safe to use from several threads.

    Args:
        minter: signs execution tokens.
    """

    def __init__(self, minter: TokenMinter) -> None:
        self._minter = minter
        self._grants: OrderedDict[int, Mapping[str, Grants]] = OrderedDict()
        self._lock = threading.Lock()

    def secrets(self, tx: Transaction, handout: Handout) -> Secrets:
        """The secrets that the task declares by their exact names; none for other activities.

        Raises:
            UndeliverableError: they cannot be read.
        """
        activity = handout.activity
        if not isinstance(activity, ExecuteTask) or handout.dag_version_pk is None:
            return NO_SECRETS
        try:
            grants = self._grants_of(tx, handout.dag_version_pk).get(activity.task_try.task_id)
            return NO_SECRETS if grants is None else secrets.declared_secrets(tx, grants)
        except (CipherError, LookupError, Refused, ValueError) as error:
            raise UndeliverableError(
                f"its declared secrets cannot be read: {error}; mend that, or set the secrets again, and clear the task"
            ) from error

    def delivery(self, handout: Handout, pushed: Secrets, now: datetime) -> Delivery:
        """What a worker needs to run the activity, with a new token.

        Args:
            handout: the claimed activity.
            pushed: its declared secrets.
            now: on the store's clock.
        """
        activity = handout.activity
        if isinstance(activity, ExecuteTask):
            kind, activity_id = ActivityKind.EXECUTE_TASK, activity.task_try.try_id
        else:
            kind, activity_id = ActivityKind.PARSE_DAG_FILE, activity.parse_id
        minted = self._minter.mint(kind, activity_id, handout.dispatch_id, now)
        return Delivery(
            dispatch_id=handout.dispatch_id,
            activity=activity,
            token=minted.token,
            token_expires_at=minted.expires_at,
            takeover_after_seconds=handout.takeover_after_seconds,
            secrets=pushed,
            contract=VERSION,
        )

    def _grants_of(self, tx: Transaction, dag_version_pk: int) -> Mapping[str, Grants]:
        """Grants of the tasks of a DAG version that have any."""
        with self._lock:
            known = self._grants.get(dag_version_pk)
            if known is not None:
                self._grants.move_to_end(dag_version_pk)
                return known
        found = _declared(dags.dag_version(tx, dag_version_pk))
        with self._lock:
            self._grants[dag_version_pk] = found
            if len(self._grants) > DAG_VERSIONS_IN_MEMORY:
                self._grants.popitem(last=False)
        return found


def refuse_unwritable(handout: Handout, pushed: Secrets) -> None:
    """Hold what would travel against JSON, which has no words for some of the text that Python can hold.

    Raises:
        UndeliverableError: naming the part that cannot be written.
    """
    activity = handout.activity
    parts: list[tuple[str, WireModel, str]] = [("its declared secrets", pushed, "set them again and clear the task")]
    if isinstance(activity, ExecuteTask):
        parts.append(("the conf of its run", activity.dag_run, "trigger another run with a conf without that"))
    parts.append(("it", activity, "see the log of the server"))
    for name, part, remedy in parts:
        try:
            encode(part)
        except ValueError as error:
            raise UndeliverableError(f"{name} cannot be written as JSON: {error}; {remedy}") from error


def fault_of(handout: Handout, pushed: Secrets, error: Exception) -> str:
    """What is wrong with an activity that could not be delivered, in words that can be stored.

    Args:
        handout: the claimed activity.
        pushed: its declared secrets.
        error: what its delivery failed with.
    """
    fault = str(error)
    if not isinstance(error, UndeliverableError):
        try:
            refuse_unwritable(handout, pushed)
            fault = f"{type(error).__name__}: {error}; see the log of the server"
        except UndeliverableError as unwritable:
            fault = str(unwritable)
    return fault.encode("utf-8", "backslashreplace").decode()[:MOST_FAULT_CHARACTERS]


def _declared(dag: SerializedDag) -> Mapping[str, Grants]:
    return {
        task.task_id: effective_grants(dag, task.task_id)
        for task in dag.tasks
        if dag.grants is not None or task.grants is not None
    }

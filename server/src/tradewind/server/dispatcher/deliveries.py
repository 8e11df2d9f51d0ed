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
)
from tradewind.server.domain.grants import effective_grants
from tradewind.server.store import Transaction, dags, secrets
from tradewind.server.store.handouts import Handout

DAG_VERSIONS_IN_MEMORY = 512

NO_SECRETS = Secrets(connections=[], variables=[])


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
        """The secrets that the task declares by their exact names; none for other activities."""
        activity = handout.activity
        if not isinstance(activity, ExecuteTask) or handout.dag_version_pk is None:
            return NO_SECRETS
        grants = self._grants_of(tx, handout.dag_version_pk).get(activity.task_try.task_id)
        return NO_SECRETS if grants is None else secrets.declared_secrets(tx, grants)

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


def _declared(dag: SerializedDag) -> Mapping[str, Grants]:
    return {
        task.task_id: effective_grants(dag, task.task_id)
        for task in dag.tasks
        if dag.grants is not None or task.grants is not None
    }

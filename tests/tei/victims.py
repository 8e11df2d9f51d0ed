"""What attackers of the interface find: activities in every condition, all sorts of credentials, and right calls."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection

from tests.tei.deployment import Deployment, Started, make_dag, start_request, started_now, succeeded_now
from tests.tei.frames import frame_of
from tradewind.server.contract import (
    OPERATIONS,
    ActivityKind,
    Delivery,
    ExecuteTask,
    Grants,
    Operation,
    Variable,
    decode,
)
from tradewind.server.contract import Connection as StoredConnection
from tradewind.server.store import credentials, dispatches, secrets
from tradewind.server.store.handouts import LossCause

EXAMPLES = Path(__file__).parents[2] / "schemas" / "head" / "examples"
RECORD = {"timestamp": "2026-03-01T06:00:00Z", "source": "stdout", "level": "info", "message": "hello"}
SECRET = "s3cr3t-v4lue"


@dataclass(frozen=True)
class Waiting:
    """A dispatch that nobody has started, with its ticket."""

    dispatch_id: str
    ticket: str


@dataclass(frozen=True)
class Victims:
    """Who and what there is.

    Attributes:
        own: a live task dispatch; right calls are made with its token.
        other: a live task dispatch of another DAG.
        ended: a task dispatch that has ended by its outcome.
        lost: a task dispatch that counts as lost, and was taken over.
        parse: a live parse of another snapshot.
        waiting: a dispatch that waits to be started by its ticket.
        spent: the ticket of `own`, which is exchanged already.
    """

    deployment: Deployment
    own: Started
    other: Started
    ended: Started
    lost: Started
    parse: Started
    waiting: Waiting
    spent: Waiting
    worker: str
    other_worker: str
    admin: str
    viewer: str
    revoked: str

    def parameters(self, operation: Operation) -> dict[str, str]:
        """Parameters of a right call."""
        code = self.own.delivery.activity.code
        other = self.other.delivery.activity
        assert isinstance(other, ExecuteTask)
        known = {
            "dispatch_id": self.waiting.dispatch_id if operation.id == "start_activity" else self.own.dispatch_id,
            "sequence": "0",
            "snapshot": code.snapshot,
            "path": code.file,
            "task_id": "extract",
            "key": "greeting",
            "conn_id": "warehouse",
            "dag_id": "other",
            "run_id": other.dag_run.run_id,
            "op_id": "01890a5d-ac96-774b-bcce-b302099a8006",
        }
        wanted = {parameter.name for parameter in operation.parameters if parameter.required}
        if operation.id == "find_xcom":
            wanted.add("run_id")
        return {name: known[name] for name in wanted}

    def body(self, operation: Operation) -> Any:
        """Body of a right call: JSON, or text where the operation takes another media type."""
        if operation.request_media == "application/x-ndjson":
            return json.dumps(RECORD) + "\n"
        bodies: dict[str, Any] = {
            "start_activity": start_request(self.waiting.ticket),
            "renew_token": {"token": self.own.token},
            "renew_leases": {"instance_id": str(uuid.uuid4()), "dispatches": []},
            "report_started": started_now(),
            "finish": succeeded_now(return_value=1),
            "get_snapshot_files": {"digests": [self.deployment.file_digests[self.own.delivery.activity.code.snapshot]]},
            "set_xcom": {"op_id": str(uuid.uuid4()), "value": {"rows": 3}},
            "set_variable": {"op_id": str(uuid.uuid4()), "value": "42", "description": "The answer"},
            "trigger_run": {"op_id": str(uuid.uuid4()), "run_id": "by_a_task", "conf": {"rows": 3}, "reset": False},
        }
        return bodies[operation.id] if operation.request is not None else None

    def token(self, operation: Operation) -> str | None:
        """The credential of a right call."""
        return {"anyone": None, "worker": self.worker, "activity": self.own.token}[operation.caller]


async def prepare(deployment: Deployment) -> Victims:
    """Bring everything into its condition."""
    store = deployment.store
    admin = await deployment.credential("boss", "admin")
    viewer = await deployment.credential("guest", "viewer")
    worker = await deployment.credential("starter", "worker")
    other_worker = await deployment.credential("stranger", "worker")
    revoked = await deployment.credential("former", "worker")
    await store.write(lambda tx: credentials.revoke_credential(tx, "former"))
    await store.write(lambda tx: secrets.put_variable(tx, Variable(key="greeting", value=SECRET)))
    await store.write(
        lambda tx: secrets.put_connection(
            tx, StoredConnection(conn_id="warehouse", conn_type="postgres", password=SECRET)
        )
    )
    older = await deployment.publish(make_dag("other", {"extract": []}))
    await deployment.publish(
        make_dag(
            "victim",
            {"extract": []},
            Grants(
                variables=["greeting"],
                connections=["ware*"],
                write_variables=["gree*"],
                read_dags=["other"],
                trigger_dags=["other"],
            ),
        ),
    )
    ended, _ = await _started(deployment, "victim")
    own, spent = await _started(deployment, "victim")
    other, _ = await _started(deployment, "other")
    lost, _ = await _started(deployment, "victim")
    await store.write(lambda tx: dispatches.lose(tx, [lost.dispatch_id], LossCause.WORKER_SILENT))
    answer = await deployment.call("PUT", _outcome(ended), ended.token, succeeded_now())
    assert answer.status_code == 200, answer.text
    for token in (own.token, other.token):
        body = {"op_id": str(uuid.uuid4()), "value": 1}
        answer = await deployment.call("PUT", "/execution/xcoms/greeting", token, body)
        assert answer.status_code == 204, answer.text
    await deployment.ask_for_parse(older, "other.py")
    parse = await deployment.start(ActivityKind.PARSE_DAG_FILE)
    await deployment.trigger("victim")
    handout, ticket = await deployment.claim(ActivityKind.EXECUTE_TASK)
    waiting = Waiting(handout.dispatch_id, ticket)
    return Victims(
        deployment, own, other, ended, lost, parse, waiting, spent, worker, other_worker, admin, viewer, revoked
    )  # fmt: skip


def path_of(operation: Operation, parameters: Mapping[str, str]) -> str:
    """Path of an operation with its parameters: those that are not of the path make the query."""
    in_path = {name.name for name in operation.parameters if name.location == "path"}
    query = urlencode({name: value for name, value in parameters.items() if name not in in_path})
    return operation.path.format(**parameters) + (f"?{query}" if query else "")


async def call_http(
    deployment: Deployment, operation: Operation, parameters: Mapping[str, str], token: str | None, body: Any
) -> tuple[int, Any]:
    """Call an operation over HTTP; status and JSON of the answer."""
    content = body.encode() if isinstance(body, str) else body
    answer = await deployment.call(operation.method, path_of(operation, parameters), token, content)
    is_json = "json" in answer.headers.get("content-type", "")
    return answer.status_code, answer.json() if is_json else answer.content


class SessionCaller:
    """Calls operations over an open worker session, one after the other."""

    def __init__(self, websocket: ClientConnection) -> None:
        self._websocket = websocket
        self._last = 0

    async def __call__(
        self, operation: str, parameters: Mapping[str, str], token: str | None, body: Any
    ) -> tuple[int, Any]:
        """Status and body of the answer; text bodies are those of operations with another media type than JSON."""
        self._last += 1
        frame: dict[str, Any] = {
            "frame": "request", "request_id": self._last, "operation": operation, "parameters": dict(parameters)
        }  # fmt: skip
        if token is not None:
            frame["token"] = token
        known = OPERATIONS.get(operation)
        if known is not None and known.request is None and isinstance(body, str):
            frame["text"] = body
        elif body is not None:
            frame["body"] = body
        await self._websocket.send(json.dumps(frame))
        answer = await frame_of(self._websocket, "response")
        assert answer["request_id"] == self._last
        return answer["status"], answer.get("body")


async def _started(deployment: Deployment, dag_id: str) -> tuple[Started, Waiting]:
    await deployment.trigger(dag_id)
    handout, ticket = await deployment.claim(ActivityKind.EXECUTE_TASK)
    path = f"/execution/dispatches/{handout.dispatch_id}/start"
    token = await deployment.credential("starter", "worker")
    answer = await deployment.call("POST", path, token, start_request(ticket, nonce=uuid.uuid4().hex))
    assert answer.status_code == 200, answer.text
    return Started(decode(Delivery, answer.content), handout), Waiting(handout.dispatch_id, ticket)


def _outcome(started: Started) -> str:
    return f"/execution/dispatches/{started.dispatch_id}/outcome"

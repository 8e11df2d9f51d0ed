"""Every kind of wrong credential for every operation of the contract, each with the reason of its refusal."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.tei.victims import Victims
from tradewind.server.contract import ActivityKind, Operation

FOR_PARSES = frozenset({"get_variable", "get_connection", "list_variable_keys"})
"""What a DAG file may call while it is parsed, of what user code may call."""


@dataclass(frozen=True)
class Attack:
    """A call that must be refused: the right one but for what is said here."""

    name: str
    reason: str
    token: str | None
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)


def attacks_on(operation: Operation, victims: Victims) -> Iterator[Attack]:
    """All attacks on one operation."""
    if operation.caller == "worker":
        yield from _on_worker_operation(victims)
    if operation.caller == "activity":
        yield from _on_activity_operation(operation, victims)
    if operation.id == "start_activity":
        yield from _on_start(victims)
    if operation.id == "renew_token":
        yield from _on_renewal(victims)


def false_tokens(victims: Victims) -> Iterator[tuple[str, str, str]]:
    """Tokens that are not genuine, or not for this, as (name, token, reason): each is right but for one thing."""
    keys, right = victims.deployment.keys, victims.own.token
    header, payload, signature = right.split(".")
    claims = json.loads(_unpacked(payload))
    header_of = json.loads(_unpacked(header))

    def signed(changes: Mapping[str, Any], *, key: Ed25519PrivateKey = keys.active, kid: str = keys.active_id) -> str:
        return jwt.encode({**claims, **changes}, key, "EdDSA", {"kid": kid})

    unsigned = _packed({**header_of, "alg": "none"})
    by_password = _packed({**header_of, "alg": "HS256"})
    public = keys.public[keys.active_id].public_bytes_raw()
    mac = hmac.digest(public, f"{by_password}.{payload}".encode(), hashlib.sha256)
    stolen = _packed({**claims, "dispatch_id": victims.other.dispatch_id})
    stranger = Ed25519PrivateKey.generate()
    yield "nonsense", "nonsense", "malformed_token"
    yield "two parts", f"{header}.{payload}", "malformed_token"
    yield "alg=none without signature", f"{unsigned}.{payload}.", "forged_token"
    yield "alg=none with the old signature", f"{unsigned}.{payload}.{signature}", "forged_token"
    yield "HS256 with the public key", f"{by_password}.{payload}.{_packed(mac)}", "forged_token"
    yield "changed claims", f"{header}.{stolen}.{signature}", "forged_token"
    yield "another key under our key's id", signed({}, key=stranger), "forged_token"
    yield "another key under its own id", signed({}, key=stranger, kid="theirs"), "forged_token"
    yield "another audience", signed({"aud": "somewhere-else"}), "wrong_audience"
    yield "another issuer", signed({"iss": "someone-else"}), "wrong_audience"
    yield "no subject", signed({"sub": ""}), "malformed_token"


def _on_worker_operation(victims: Victims) -> Iterator[Attack]:
    yield Attack("no token", "missing_token", None)
    yield Attack("nonsense", "malformed_token", "nonsense")
    yield Attack("an execution token", "malformed_token", victims.own.token)
    yield Attack("a made-up credential", "unknown_credential", "tw_" + "A" * 43)
    yield Attack("a revoked credential", "revoked_credential", victims.revoked)
    yield Attack("an admin's credential", "not_allowed", victims.admin)
    yield Attack("a viewer's credential", "not_allowed", victims.viewer)


def _on_activity_operation(operation: Operation, victims: Victims) -> Iterator[Attack]:
    by_path = any(parameter.name == "dispatch_id" for parameter in operation.parameters)

    def at(dispatch_id: str) -> dict[str, str]:
        return {"dispatch_id": dispatch_id} if by_path else {}

    own = victims.own
    mint = victims.deployment.services.signer.mint
    kind, past = own.handout.activity.kind, victims.deployment.now[0] - timedelta(days=1)
    try_id = json.loads(_unpacked(own.token.split(".")[1]))["sub"].partition(":")[2]
    nowhere = str(uuid.uuid4())
    yield Attack("no token", "missing_token", None)
    for name, token, reason in false_tokens(victims):
        yield Attack(name, reason, token)
    yield Attack("an expired token", "expired_token", mint(_kind(kind), try_id, own.dispatch_id, past).token)
    for name, credential in (("worker", victims.worker), ("admin", victims.admin), ("viewer", victims.viewer)):
        yield Attack(f"a {name}'s credential", "malformed_token", credential)
    yield Attack("a lost dispatch", "dispatch_ended", victims.lost.token, at(victims.lost.dispatch_id))
    if operation.id != "report_started":  # a start may overtake nothing: it counts as told once the outcome is there
        yield Attack("an ended dispatch", "dispatch_ended", victims.ended.token, at(victims.ended.dispatch_id))
    unknown = mint(_kind(kind), try_id, nowhere, victims.deployment.now[0]).token
    yield Attack("a dispatch that never was", "unknown_dispatch", unknown, at(nowhere))
    if by_path:
        yield Attack("another activity's token", "wrong_activity", victims.other.token)
        yield Attack("a parse's token", "wrong_activity", victims.parse.token)
    else:
        if operation.id not in FOR_PARSES:
            yield Attack("a parse's token", "not_allowed", victims.parse.token)
        other_try = mint(_kind(kind), str(uuid.uuid4()), own.dispatch_id, victims.deployment.now[0]).token
        yield Attack("a token of another try", "wrong_activity", other_try)


def _on_start(victims: Victims) -> Iterator[Attack]:
    worker, waiting, spent = victims.worker, victims.waiting, victims.spent
    nowhere = str(uuid.uuid4())
    yield Attack("a made-up ticket", "invalid_ticket", worker, body={"ticket": "A" * 43})
    yield Attack("another dispatch's ticket", "invalid_ticket", worker, {"dispatch_id": victims.other.dispatch_id})
    yield Attack("a dispatch that never was", "unknown_dispatch", worker, {"dispatch_id": nowhere})
    for name, gone in (("an ended", victims.ended), ("a lost", victims.lost)):
        yield Attack(f"{name} dispatch", "dispatch_ended", worker, {"dispatch_id": gone.dispatch_id})
    at_own = {"dispatch_id": spent.dispatch_id}
    used = {"ticket": spent.ticket, "nonce": "another-nonce-of-mine"}
    yield Attack("a spent ticket with another nonce", "spent_ticket", worker, at_own, used)
    yield Attack("a spent ticket at another worker", "spent_ticket", victims.other_worker, at_own, used)
    yield Attack("an envelope of nobody", "missing_token", None, body={"ticket": waiting.ticket})


def _on_renewal(victims: Victims) -> Iterator[Attack]:
    worker = victims.worker
    for name, token, reason in false_tokens(victims):
        yield Attack(f"in place of {name}", reason, worker, body={"token": token})
    at_ended = {"dispatch_id": victims.ended.dispatch_id}
    yield Attack("another worker", "wrong_worker", victims.other_worker)
    yield Attack("another activity's token", "wrong_activity", worker, body={"token": victims.other.token})
    yield Attack("an ended dispatch", "dispatch_ended", worker, at_ended, {"token": victims.ended.token})


def _kind(name: str) -> Any:
    return ActivityKind(name)


def _packed(value: Any) -> str:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _unpacked(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))

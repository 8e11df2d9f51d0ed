"""Walks attacks over a deployment and tells what went wrong: a wrong reason, no trace in the audit, a changed row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias

from tests.tei.attacks import Attack, attacks_on
from tests.tei.deployment import Deployment
from tests.tei.victims import SECRET, Victims, call_http
from tradewind.server.api.problems import STATUS
from tradewind.server.contract import Operation, ProblemReason
from tradewind.server.store import audit

Call: TypeAlias = Callable[[Operation, Mapping[str, str], str | None, Any], Awaitable[tuple[int, Any]]]
"""How a transport calls an operation: parameters, token, body; status and JSON of the answer."""


def over_http(deployment: Deployment) -> Call:
    """Calls over HTTP."""

    async def call(
        operation: Operation, parameters: Mapping[str, str], token: str | None, body: Any
    ) -> tuple[int, Any]:
        return await call_http(deployment, operation, parameters, token, body)

    return call


async def walk_credentials(victims: Victims, operations: Iterable[Operation], call: Call) -> list[str]:
    """Every attack on these operations; one sentence for each that was not refused as it must be."""
    faults: list[str] = []
    for operation in operations:
        for attack in attacks_on(operation, victims):
            body = victims.body(operation)
            if attack.body:
                body = {**body, **attack.body}
            parameters = {**victims.parameters(operation), **attack.parameters}

            async def attempt(o: Operation = operation, p: Any = parameters, a: Attack = attack, b: Any = body) -> Any:
                return await call(o, p, a.token, b)

            faults += [
                f"{operation.id} with {attack.name}: {fault}"
                async for fault in observe(victims.deployment, operation.id, attack.reason, attempt)
            ]
    return faults


async def observe(
    deployment: Deployment, operation: str, reason: str, attempt: Callable[[], Awaitable[tuple[int, Any]]]
) -> AsyncIterator[str]:
    """Make one call that must be refused for a reason, and tell what is wrong with the refusal."""
    before, trail = await deployment.dump(), await _trail(deployment)
    status, answer = await attempt()
    for table, rows in (await deployment.dump()).items():
        if rows != before[table]:
            yield f"it changed the table {table}"
    if SECRET in repr(answer):
        yield "it tells a secret"
    if not isinstance(answer, dict) or "reason" not in answer:
        yield f"it was answered with {status} {answer!r}"
        return
    if (answer["reason"], status) != (reason, STATUS[ProblemReason(reason)]):
        yield f"it was refused with {status} {answer['reason']} instead of {reason}: {answer['detail']}"
    if not answer.get("action"):
        yield "it does not say what to do"
    now = await _trail(deployment)
    if now.total != trail.total + 1 or not _names(now.items[0], operation, reason):
        newest = now.items[0] if now.items else None
        yield f"the audit has {now.total - trail.total} new entries, the newest is {newest}"


async def _trail(deployment: Deployment) -> Any:
    return await deployment.store.read(lambda tx: audit.list_audit(tx, limit=1))


def _names(entry: Any, operation: str, reason: str) -> bool:
    if reason == "spent_ticket":
        return bool(entry.action == reason)
    found = (entry.action, entry.subject, entry.detail.get("reason"))
    return found == ("refused", operation, reason) and SECRET not in repr(entry)

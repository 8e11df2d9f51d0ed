"""Who calls an operation: the credential of a worker or the execution token of an activity, never one for the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.server.api.execution.calls import Caller
from tradewind.server.auth.credentials import bearer_token, find_worker

if TYPE_CHECKING:
    from tradewind.server.api.services import Services
    from tradewind.server.contract import Operation


async def identify_by_header(services: Services, operation: Operation, authorization: str | None) -> Caller:
    """The caller of an HTTP request.

    Raises:
        Refused: the reason is one of those that the operation's row lists.
    """
    if operation.caller == "anyone":
        return Caller()
    token = bearer_token(authorization)
    if operation.caller == "activity":
        return await identify_activity(services, token)
    worker = await services.store.read(lambda tx: find_worker(tx, token))
    return Caller(worker=worker)


async def identify_activity(services: Services, token: str) -> Caller:
    """The activity that an execution token speaks for.

    Raises:
        Refused: malformed_token, forged_token, wrong_audience or expired_token.
    """
    await services.keys.learn_key_of(token)
    return Caller(activity=services.signer.verify(token, now=services.clock()))

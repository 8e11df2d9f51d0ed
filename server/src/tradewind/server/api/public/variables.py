"""Variables. A viewer sees that one exists, only an admin its value."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from tradewind.server.api.public.access import Given, Limit, Offset, UpdateMask, User
from tradewind.server.api.public.shapes import Body, Shape, masked, same_name
from tradewind.server.contract import JsonValue, ProblemReason, VariableKey
from tradewind.server.contract import Variable as StoredVariable
from tradewind.server.domain.refusals import Refused
from tradewind.server.store import audit, secrets

if TYPE_CHECKING:
    from tradewind.server.auth.principals import UserPrincipal
    from tradewind.server.store import Transaction
    from tradewind.server.store.rows import VariableRow

router = APIRouter(prefix="/variables", tags=["Variables"])

Description = Annotated[str, Field(max_length=5000)]


class Variable(Shape):
    """A variable; `value` is null for a viewer."""

    key: str
    value: str | None
    description: str | None
    is_encrypted: bool = True
    updated_at: datetime | None = None


class VariableCollection(Shape):
    """Variables and how many there are in all."""

    variables: list[Variable]
    total_entries: int


class NewVariable(Body):
    """A variable to create; a value that is no text is kept as JSON text."""

    key: VariableKey
    value: JsonValue
    description: Description | None = None


class VariablePatch(Body):
    """What to change of a variable; what is left out stays. Its key is for clients that repeat it."""

    key: str | None = None
    value: JsonValue = None
    description: Description | None = None


@router.get("")
async def list_variables(services: Given, user: User, limit: Limit = 50, offset: Offset = 0) -> VariableCollection:
    """Variables in alphabetical order."""
    page = await services.store.read(lambda tx: secrets.list_variables(tx, limit=limit, offset=offset))
    shown = [
        Variable(key=row.key, value=_shown(user, row.value), description=row.description, updated_at=row.updated_at)
        for row in page.items
    ]
    return VariableCollection(variables=shown, total_entries=page.total)


@router.get("/{key:path}")
async def get_variable(services: Given, user: User, key: str) -> Variable:
    """One variable."""
    found = await services.store.read(lambda tx: _existing(tx, key))
    return Variable(key=key, value=_shown(user, found.value), description=found.description)


@router.post("", status_code=201)
async def create_variable(services: Given, user: User, body: NewVariable) -> Variable:
    """Create a variable."""

    def create(tx: Transaction) -> None:
        if secrets.get_variable(tx, body.key) is not None:
            raise Refused(
                ProblemReason.ALREADY_EXISTS,
                f"there is a variable {body.key} already",
                field="key",
                action="change it with PATCH",
            )
        _put(tx, user, StoredVariable(key=body.key, value=_text(body.value)), body.description)

    await services.store.write(create)
    return Variable(key=body.key, value=_text(body.value), description=body.description)


@router.patch("/{key:path}")
async def patch_variable(
    services: Given, user: User, key: str, body: VariablePatch, update_mask: UpdateMask = None
) -> Variable:
    """Change a variable."""
    same_name("key", body.key, key)
    given = masked(body, update_mask)

    def change(tx: Transaction) -> Variable:
        old = _existing(tx, key)
        value = _text(body.value) if "value" in given else old.value
        description = body.description if "description" in given else old.description
        _put(tx, user, StoredVariable(key=key, value=value), description)
        return Variable(key=key, value=value, description=description)

    return await services.store.write(change)


@router.delete("/{key:path}", status_code=204)
async def delete_variable(services: Given, user: User, key: str) -> Response:
    """Delete a variable."""

    def delete(tx: Transaction) -> None:
        if not secrets.delete_variable(tx, key):
            raise _not_found(key)
        audit.append(tx, actor=user.label, action="delete_variable", subject=key, detail={})

    await services.store.write(delete)
    return Response(status_code=204)


def _existing(tx: Transaction, key: str) -> VariableRow:
    row = secrets.variable_row(tx, key)
    if row is None:
        raise _not_found(key)
    return row


def _put(tx: Transaction, user: UserPrincipal, variable: StoredVariable, description: str | None) -> None:
    secrets.put_variable(tx, variable, description)
    audit.append(tx, actor=user.label, action="set_variable", subject=variable.key, detail={})


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _shown(user: UserPrincipal, value: str) -> str | None:
    return value if user.credential.role == "admin" else None


def _not_found(key: str) -> Refused:
    return Refused(ProblemReason.NOT_FOUND, f"there is no variable {key}", field="key", action="correct the key")

"""Variables and connections, encrypted at rest."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam as bind
from sqlalchemy import func, select

from tradewind.server.contract import Connection, Grants, Secrets, Variable, decode, encode
from tradewind.server.domain.grants import is_exact
from tradewind.server.store.dags.files import parse_failed_again
from tradewind.server.store.rows import Page, VariableRow
from tradewind.server.store.statements import upsert, within
from tradewind.server.store.tables import connection, variable
from tradewind.server.store.transaction import Transaction
from tradewind.server.store.words import storable

_VARIABLES = select(variable).where(within(variable.c.key, "keys"))
_VARIABLE_PAGE = select(variable).order_by(variable.c.key).limit(bind("most")).offset(bind("skip"))
_VARIABLE_TOTAL = select(func.count()).select_from(variable)
_KEYS = (
    select(variable.c.key)
    .where(func.substr(variable.c.key, 1, bind("length")) == bind("prefix"))
    .order_by(variable.c.key)
)
_PUT_VARIABLE = upsert(variable, "value_encrypted", "description", "updated_at")
_HAS_VARIABLE = select(variable.c.key).where(variable.c.key == bind("key"))
_DELETE_VARIABLE = variable.delete().where(variable.c.key == bind("of"))
_CONNECTIONS = select(connection).where(within(connection.c.conn_id, "ids"))
_CONNECTION_PAGE = select(connection).order_by(connection.c.conn_id).limit(bind("most")).offset(bind("skip"))
_CONNECTION_TOTAL = select(func.count()).select_from(connection)
_PUT_CONNECTION = upsert(connection, "connection_encrypted", "updated_at")
_HAS_CONNECTION = select(connection.c.conn_id).where(connection.c.conn_id == bind("conn_id"))
_DELETE_CONNECTION = connection.delete().where(connection.c.conn_id == bind("of"))


def get_variable(tx: Transaction, key: str) -> Variable | None:
    """A variable, decrypted."""
    found = _variables(tx, [key])
    return found[0] if found else None


def variable_row(tx: Transaction, key: str) -> VariableRow | None:
    """A variable with its description, decrypted."""
    row = None if "\0" in key else tx.row(_VARIABLES, {"keys": [key]})
    return None if row is None else _variable_row(tx, row)


def put_variable(tx: Transaction, value: Variable, description: str | None = None) -> None:
    """Create or replace a variable. A new one may be what a DAG file lacked: those that failed are parsed again.

    Raises:
        Refused: `invalid_value` for a key that cannot be stored.
    """
    row = {
        "key": storable(value.key, field="key"),
        "value_encrypted": tx.cipher.encrypt(value.value),
        "description": description,
        "updated_at": tx.now,
    }
    is_new = tx.row(_HAS_VARIABLE, {"key": value.key}) is None
    tx.change(_PUT_VARIABLE, row)
    if is_new:
        parse_failed_again(tx)


def delete_variable(tx: Transaction, key: str) -> bool:
    """Delete a variable; False when there is none."""
    return "\0" not in key and tx.change(_DELETE_VARIABLE, {"of": key}) > 0


def list_variables(tx: Transaction, *, limit: int = 100, offset: int = 0) -> Page[VariableRow]:
    """Variables by key, decrypted."""
    rows = tx.rows(_VARIABLE_PAGE, {"most": limit, "skip": offset})
    return Page([_variable_row(tx, row) for row in rows], tx.value(_VARIABLE_TOTAL))


def variable_keys(tx: Transaction, prefix: str = "") -> list[str]:
    """Keys of variables that begin with a prefix, sorted by code point."""
    if "\0" in prefix:
        return []
    return sorted(row.key for row in tx.rows(_KEYS, {"prefix": prefix, "length": len(prefix)}))


def get_connection(tx: Transaction, conn_id: str) -> Connection | None:
    """A connection, decrypted."""
    found = _connections(tx, [conn_id])
    return found[0] if found else None


def put_connection(tx: Transaction, value: Connection) -> None:
    """Create or replace a connection, with what a new variable brings, too.

    Raises:
        Refused: `invalid_value` for a name that cannot be stored.
    """
    row = {
        "conn_id": storable(value.conn_id, field="conn_id"),
        "connection_encrypted": tx.cipher.encrypt(encode(value).decode()),
        "updated_at": tx.now,
    }
    is_new = tx.row(_HAS_CONNECTION, {"conn_id": value.conn_id}) is None
    tx.change(_PUT_CONNECTION, row)
    if is_new:
        parse_failed_again(tx)


def delete_connection(tx: Transaction, conn_id: str) -> bool:
    """Delete a connection; False when there is none."""
    return "\0" not in conn_id and tx.change(_DELETE_CONNECTION, {"of": conn_id}) > 0


def list_connections(tx: Transaction, *, limit: int = 100, offset: int = 0) -> Page[Connection]:
    """Connections by name, decrypted."""
    rows = tx.rows(_CONNECTION_PAGE, {"most": limit, "skip": offset})
    return Page([_open_connection(tx, row) for row in rows], tx.value(_CONNECTION_TOTAL))


def declared_secrets(tx: Transaction, grants: Grants) -> Secrets:
    """The secrets that a task declares by name, as far as they exist; those meant by a prefix are asked for later."""
    keys = [pattern for pattern in grants.variables if is_exact(pattern)]
    ids = [pattern for pattern in grants.connections if is_exact(pattern)]
    return Secrets(
        connections=_connections(tx, ids) if ids else [],
        variables=_variables(tx, keys) if keys else [],
    )


def _variables(tx: Transaction, keys: list[str]) -> list[Variable]:
    rows = tx.rows(_VARIABLES, {"keys": [key for key in keys if "\0" not in key]})
    return [Variable(key=row.key, value=tx.cipher.decrypt(row.value_encrypted)) for row in rows]


def _variable_row(tx: Transaction, row: Any) -> VariableRow:
    return VariableRow(row.key, tx.cipher.decrypt(row.value_encrypted), row.description, row.updated_at)


def _connections(tx: Transaction, ids: list[str]) -> list[Connection]:
    rows = tx.rows(_CONNECTIONS, {"ids": [conn_id for conn_id in ids if "\0" not in conn_id]})
    return [_open_connection(tx, row) for row in rows]


def _open_connection(tx: Transaction, row: Any) -> Connection:
    return decode(Connection, tx.cipher.decrypt(row.connection_encrypted))

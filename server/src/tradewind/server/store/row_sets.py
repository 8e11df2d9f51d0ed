"""Many rows in one statement on PostgreSQL: one array for each parameter in place of one message for each row.

The driver's own way sends a statement for every row, which costs the server two to three times as much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import (
    BindParameter,
    Dialect,
    Executable,
    Float,
    FromClause,
    Insert,
    Table,
    TypeDecorator,
    Update,
    column,
    func,
    select,
)
from sqlalchemy import bindparam as bind
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import visitors
from sqlalchemy.types import NullType, TypeEngine


class _RealFloat(TypeDecorator[float]):
    """Numbers of one kind: the driver refuses a list of integers and floats."""

    impl = Float
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        return None if value is None else float(value)


_KNOWN: dict[tuple[Executable, tuple[str, ...]], Executable | None] = {}


def as_row_set(
    statement: Executable, parameters: Sequence[Mapping[str, Any]]
) -> tuple[Executable, Mapping[str, list[Any]]] | None:
    """The same change for all sets of parameters at once.

    Args:
        statement: an insert of plain values or an update; each row it changes is named by one set of parameters.
        parameters: sets with the same keys.

    Returns:
        A statement with its parameters; None for a statement that cannot be had for many rows.
    """
    names = tuple(parameters[0])
    key = (statement, names)
    if key not in _KNOWN:
        _KNOWN[key] = _for_many(statement, names)
    changed = _KNOWN[key]
    return None if changed is None else (changed, {name: [row[name] for row in parameters] for name in names})


def _for_many(statement: Executable, names: Sequence[str]) -> Executable | None:
    if isinstance(statement, Insert) and isinstance(statement.table, Table):
        types = {name: statement.table.c[name].type for name in names}
        rows = _rows(types)
        return statement.from_select(list(names), select(*(rows.c[name] for name in names)), include_defaults=False)
    if isinstance(statement, Update):
        return _update(statement, names)
    return None


def _update(statement: Update, names: Sequence[str]) -> Executable | None:
    """The update with a column of the rows in place of each parameter."""
    types: dict[str, TypeEngine[Any]] = {}
    for element in visitors.iterate(statement):
        if isinstance(element, BindParameter) and element.required:
            types[element.key] = element.type
    if set(types) != set(names) or any(isinstance(kind, NullType) for kind in types.values()):
        return None
    rows = _rows({name: types[name] for name in names})

    def replace(element: Any, **_: Any) -> Any:
        return rows.c[element.key] if isinstance(element, BindParameter) and element.required else None

    return cast("Executable", visitors.replacement_traverse(statement, {}, replace))


def _rows(types: Mapping[str, TypeEngine[Any]]) -> FromClause:
    items = {name: _RealFloat() if isinstance(kind, Float) else kind for name, kind in types.items()}
    # Without the number of dimensions SQLAlchemy takes a JSON list for a row of its own.
    arrays = [bind(name, type_=postgresql.ARRAY(item, dimensions=1)) for name, item in items.items()]
    columns = [column(name, kind) for name, kind in types.items()]
    return func.unnest(*arrays).table_valued(*columns, name="given").render_derived()

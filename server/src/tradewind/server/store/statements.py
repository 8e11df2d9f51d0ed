"""What SQLAlchemy Core lacks: sets of any size under one statement text, and statements that differ by database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import BigInteger, ColumnElement, Dialect, Executable, Integer, String, Table, Text, TypeDecorator
from sqlalchemy import bindparam as bind
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import Boolean, TypeEngine

DialectName = Literal["sqlite", "postgresql"]


class _ValueSet(TypeDecorator[Any]):
    """A list as one parameter: an array on PostgreSQL, JSON text on SQLite."""

    impl = Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        kind: TypeEngine[Any] = Text() if dialect.name == "sqlite" else postgresql.ARRAY(self.item)
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: Iterable[Any] | None, dialect: Dialect) -> Any:
        items = list(value or ())
        return json.dumps(items) if dialect.name == "sqlite" else items


_INTEGERS = _ValueSet(BigInteger())
_STRINGS = _ValueSet(String())


class within(FunctionElement[bool]):  # noqa: N801  it reads as a function of the column
    """Whether a column is among the values of one parameter: the statement's text is the same for any number.

    Args:
        column: an integer or text column.
        name: name of the parameter, an iterable.
    """

    name = "within"
    type = Boolean()
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        super().__init__(column, bind(name, type_=_INTEGERS if isinstance(column.type, Integer) else _STRINGS))

    def self_group(self, against: OperatorType | None = None) -> within:
        """It is a condition already: SQLAlchemy would compare it with 1 on SQLite, which then uses no index."""
        return self


@compiles(within)
def _compile_within(element: within, compiler: SQLCompiler, **kwargs: Any) -> str:
    column, values = (compiler.process(clause, **kwargs) for clause in element.clauses)
    if compiler.dialect.name == "sqlite":
        return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608  clauses, no values
    return f"{column} = ANY({values})"


@dataclass(frozen=True)
class PerDialect:
    """One statement in the words of each database."""

    sqlite: Executable
    postgresql: Executable

    def of(self, dialect: DialectName) -> Executable:
        """The statement for one database."""
        return self.sqlite if dialect == "sqlite" else self.postgresql


def insert_or(table: Table, finish: Callable[[Any], Executable]) -> PerDialect:
    """An insert with a rule for conflicts, such as `lambda i: i.on_conflict_do_nothing()`.

    Args:
        table: the table to insert into.
        finish: adds the rule to the dialect's insert.
    """
    return PerDialect(finish(sqlite.insert(table)), finish(postgresql.insert(table)))


def insert_ignore(table: Table) -> PerDialect:
    """An insert that leaves an existing row alone."""
    return insert_or(table, lambda insert: insert.on_conflict_do_nothing())


def upsert(table: Table, *columns: str) -> PerDialect:
    """An insert that replaces these columns of an existing row with the same primary key."""
    key = [column.name for column in table.primary_key.columns]
    return insert_or(
        table,
        lambda insert: insert.on_conflict_do_update(
            index_elements=key, set_={name: insert.excluded[name] for name in columns}
        ),
    )

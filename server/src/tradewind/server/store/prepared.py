"""Statements that are executed again and again, straight on the driver: SQLAlchemy compiles them, once.

SQLAlchemy's own way costs some 40 µs of Python for each execution, which is most of what a small transaction costs.
"""

from __future__ import annotations

import weakref
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect, Executable, Insert, Row, SelectBase, UpdateBase
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Processor = Callable[[Any], Any]

REPEATED: float = 2
"""From so many executions on a statement is taken for one that is executed again and again."""


@dataclass(slots=True)
class Answer:
    """What a statement gave: its rows, and how many it changed."""

    rows: Sequence[Any]
    changed: int


@dataclass(slots=True)
class _Bind:
    """One parameter in the order of the statement's text.

    Attributes:
        name: its name in the text.
        key: its name in what is given.
        default: its value when it is not given.
        required: whether it must be given.
        process: turns a value into what the driver takes; None for nothing to do.
    """

    name: str
    key: str
    default: Any
    required: bool
    process: Processor | None


class Prepared:
    """One statement in the words of one database.

    Args:
        compiled: by SQLAlchemy.
        dialect: of the database.
        gives_rows: whether it is a query, or a change that says what it changed.
    """

    def __init__(self, compiled: SQLCompiler, dialect: Dialect, *, gives_rows: bool) -> None:
        self._dialect = dialect
        self._text = str(compiled)
        self._positional = bool(compiled.positional)
        names = compiled.positiontup if compiled.positional else list(compiled.binds)
        processors: Mapping[str, Any] = compiled._bind_processors  # noqa: SLF001  they have no public name
        self._binds = [_bind(compiled, name, processors.get(name)) for name in names or ()]
        self._types = [column.type for column in compiled._result_columns]  # noqa: SLF001  the same
        self._gives_rows = gives_rows
        self._row: Any = None
        if gives_rows:
            self._row = namedtuple("Row", [column.keyname for column in compiled._result_columns])  # type: ignore[misc]  # noqa: PYI024, SLF001  made of a statement
        self._results: list[tuple[int, Processor]] | None = None

    def execute(self, connection: Any, parameters: Parameters | None) -> Answer:
        """Execute it on a connection of the driver.

        Args:
            connection: the driver's.
            parameters: one set, or many for a statement that gives no rows.
        """
        cursor = connection.cursor()
        try:
            if parameters is None or isinstance(parameters, Mapping):
                cursor.execute(self._text, self._given(parameters or {}))
            else:
                cursor.executemany(self._text, [self._given(one) for one in parameters])
            if not self._gives_rows:
                return Answer((), cursor.rowcount)
            return Answer(self._rows(cursor), cursor.rowcount)
        finally:
            cursor.close()

    def _given(self, parameters: Mapping[str, Any]) -> Any:
        values = []
        for one in self._binds:
            if one.key in parameters:
                value = parameters[one.key]
            elif one.required:
                raise KeyError(f"a value is required for the parameter {one.key}")
            else:
                value = one.default
            values.append(value if one.process is None else one.process(value))
        if self._positional:
            return values
        return {one.name: value for one, value in zip(self._binds, values, strict=True)}

    def _rows(self, cursor: Any) -> Sequence[Any]:
        fetched = cursor.fetchall()
        if not fetched:
            return ()
        if self._results is None:
            self._results = [
                (index, process)
                for index, (kind, column) in enumerate(zip(self._types, cursor.description, strict=True))
                if (process := kind._cached_result_processor(self._dialect, column[1])) is not None  # noqa: SLF001
            ]
        make = self._row._make
        if not self._results:
            return [make(row) for row in fetched]
        rows = []
        for row in fetched:
            values = list(row)
            for index, convert in self._results:
                values[index] = convert(values[index])
            rows.append(make(values))
        return rows


class Statements:
    """Executes statements; those that come again in their prepared form. Threads may share it."""

    def __init__(self) -> None:
        self._prepared: dict[tuple[int, frozenset[str]], Prepared | None] = {}
        self._seen: weakref.WeakKeyDictionary[Executable, int] = weakref.WeakKeyDictionary()

    def execute(self, connection: Connection, statement: Executable, parameters: Parameters | None) -> Answer:
        """Execute a statement and fetch all of its rows.

        Raises:
            DBAPIError: by the driver, as SQLAlchemy raises it.
        """
        prepared = self._find(connection.dialect, statement, parameters)
        if prepared is None:
            result = connection.execute(statement, parameters)
            rows: Sequence[Row[Any]] = result.all() if result.returns_rows else ()
            return Answer(rows, result.rowcount)
        dialect = connection.dialect
        try:
            return prepared.execute(connection.connection.driver_connection, parameters)
        except dialect.loaded_dbapi.Error as error:
            kind = dialect.loaded_dbapi.Error
            raise DBAPIError.instance(str(statement), None, error, kind, dialect=dialect) from error

    def _find(self, dialect: Dialect, statement: Executable, parameters: Parameters | None) -> Prepared | None:
        names = _names(statement, parameters)
        key = (id(statement), names)
        if key in self._prepared:
            return self._prepared[key]
        times = self._seen[statement] = self._seen.get(statement, 0) + 1
        if times < REPEATED:
            return None
        found = self._prepared[key] = _prepare(statement, dialect, names)
        # An id may have another bearer afterwards.
        weakref.finalize(statement, self._prepared.pop, key, None)
        return found


def _names(statement: Executable, parameters: Parameters | None) -> frozenset[str]:
    """What the text of an insert depends on; other statements name their parameters themselves."""
    if not isinstance(statement, Insert) or not parameters:
        return frozenset()
    return frozenset(parameters if isinstance(parameters, Mapping) else parameters[0])


def _prepare(statement: Executable, dialect: Dialect, names: frozenset[str]) -> Prepared | None:
    """None for a statement that needs more of SQLAlchemy than its text."""
    if not isinstance(statement, SelectBase | UpdateBase):
        return None
    gives_rows = bool(statement.exported_columns)
    # Nobody asks for the key of a row that was inserted unless the statement returns it.
    compiled = statement.compile(dialect=dialect, column_keys=sorted(names) or None, for_executemany=not gives_rows)
    if compiled.insert_prefetch or compiled.update_prefetch:
        return None
    if compiled.literal_execute_params or compiled.post_compile_params:
        return None
    keys: list[str | None] = [column.keyname for column in compiled._result_columns]  # noqa: SLF001  no public name
    # A column that is text has no name, and a query of nothing else is none that exports a column.
    is_query = isinstance(statement, SelectBase)
    if (gives_rows or is_query) and (
        len(set(keys)) != len(keys) or not all(key and key.isidentifier() for key in keys)
    ):
        return None
    return Prepared(compiled, dialect, gives_rows=gives_rows)


def _bind(compiled: SQLCompiler, name: str, process: Any) -> _Bind:
    parameter = compiled.binds[name]
    default = parameter.callable() if parameter.callable is not None else parameter.value
    return _Bind(name, parameter.key, default, bool(parameter.required), process)

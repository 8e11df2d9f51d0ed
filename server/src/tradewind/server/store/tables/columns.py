"""What all tables are made of: one catalogue, and columns and indexes in one form."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ColumnElement, Index, Integer, MetaData, String, text

from tradewind.server.store.column_types import RowKey, UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def word(name: str, *, nullable: bool = False, primary_key: bool = False) -> Column[str]:
    """A name, state, identity or digest."""
    return Column(name, String(), nullable=nullable, primary_key=primary_key)


def count(name: str) -> Column[int]:
    """A small number that is never absent."""
    return Column(name, Integer(), nullable=False)


def moment(name: str, *, nullable: bool = True) -> Column[Any]:
    """A point in time."""
    return Column(name, UtcDateTime(), nullable=nullable)


def key() -> Column[int]:
    """The key `pk` that the database counts up."""
    return Column("pk", RowKey, primary_key=True, autoincrement=True)


def partial(name: str, *columns: str | ColumnElement[Any], where: str, unique: bool = False) -> Index:
    """An index over the rows that meet a condition, the same on both databases."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))

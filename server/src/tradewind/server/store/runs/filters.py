"""Which runs a list shows, and in which order."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Select
from sqlalchemy import bindparam as bind

from tradewind.server.store.column_types import UtcDateTime
from tradewind.server.store.statements import within
from tradewind.server.store.tables import dag_run

RunMoment = Literal["run_after", "logical_date", "start_date", "end_date"]
"""Moments of a run, by their names in Airflow's API."""

RunOrder = Literal[
    "id",
    "-id",
    "dag_id",
    "-dag_id",
    "run_id",
    "-run_id",
    "dag_run_id",
    "-dag_run_id",
    "state",
    "-state",
    "run_type",
    "-run_type",
    "run_after",
    "-run_after",
    "logical_date",
    "-logical_date",
    "start_date",
    "-start_date",
    "end_date",
    "-end_date",
]
"""What runs may be ordered by: `id` is the order of their making; minus turns the order round."""

Comparison = Literal["gte", "gt", "lte", "lt"]

_MOMENTS: Final[dict[str, Any]] = {
    "run_after": dag_run.c.run_after,
    "logical_date": dag_run.c.logical_date,
    "start_date": dag_run.c.started_at,
    "end_date": dag_run.c.ended_at,
}
_ORDERS: Final[dict[str, Any]] = {
    "id": dag_run.c.pk,
    "dag_id": dag_run.c.dag_id,
    "run_id": dag_run.c.run_id,
    "dag_run_id": dag_run.c.run_id,
    "state": dag_run.c.state,
    "run_type": dag_run.c.run_type,
    **_MOMENTS,
}
_COMPARISONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "gte": operator.ge,
    "gt": operator.gt,
    "lte": operator.le,
    "lt": operator.lt,
}


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit on a moment of a run; a run that has no such moment is not within it."""

    of: RunMoment
    comparison: Comparison
    moment: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs are meant: those that fit all of it.

    Attributes:
        states: in one of these states; in any when empty.
        types: of one of these types; of any when empty.
        name_part: text that their names contain.
        bounds: limits on their moments.
    """

    states: Collection[str] = ()
    types: Collection[str] = ()
    name_part: str | None = None
    bounds: Sequence[Bound] = ()

    def apply(self, runs: Select[Any], values: dict[str, Any]) -> Select[Any]:
        """Narrow a selection of runs, and add the values of its parameters."""
        if self.states:
            runs = runs.where(within(dag_run.c.state, "states"))
            values["states"] = list(self.states)
        if self.types:
            runs = runs.where(within(dag_run.c.run_type, "types"))
            values["types"] = list(self.types)
        if self.name_part:
            runs = runs.where(dag_run.c.run_id.contains(self.name_part.replace("\0", ""), autoescape=True))
        for number, bound in enumerate(self.bounds):
            name = f"bound_{number}"
            limit = bind(name, type_=UtcDateTime())
            runs = runs.where(_COMPARISONS[bound.comparison](_MOMENTS[bound.of], limit))
            values[name] = bound.moment
        return runs


def ordered(runs: Select[Any], by: Sequence[RunOrder]) -> Select[Any]:
    """Order runs; those that are equal by what is asked for stand in the order of their making, as the first does.

    A run without the moment that is asked for comes last, in either direction.
    """
    for name in by:
        runs = runs.order_by(_directed(_ORDERS[name.removeprefix("-")], descending=name.startswith("-")))
    newest_first = bool(by) and by[0].startswith("-")
    return runs.order_by(_directed(dag_run.c.pk, descending=newest_first))


def _directed(column: Any, *, descending: bool) -> ColumnElement[Any]:
    found: ColumnElement[Any] = column.desc() if descending else column.asc()
    return found.nulls_last() if column.nullable else found

"""The query parameters that choose among runs, by their names in Airflow's API."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, get_args

from fastapi import Depends, Query
from pydantic import AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

from tradewind.server.contract import DagRunState, DagRunType
from tradewind.server.store.runs.filters import Bound, Comparison, RunFilter, RunMoment, RunOrder


def _as_date(given: Any) -> Any:
    """Digits alone would be taken for seconds since 1970, which nobody means."""
    if isinstance(given, str) and given.lstrip("+-").replace(".", "", 1).isdigit():
        kind, words = "moment_type", "Input should be a date and time in ISO 8601 with an offset"
        raise PydanticCustomError(kind, words)
    return given


_GivenMoment = Annotated[AwareDatetime, BeforeValidator(_as_date)]
_WORDS: Final[dict[Comparison, str]] = {"gte": "at or after", "gt": "after", "lte": "at or before", "lt": "before"}
_MOMENTS: Final[tuple[RunMoment, ...]] = get_args(RunMoment)


def _bounds_reader() -> Callable[..., list[Bound]]:
    """A dependency with a parameter for each moment of a run and each comparison, such as `run_after_gte`."""
    bounds: dict[str, tuple[RunMoment, Comparison]] = {
        f"{of}_{comparison}": (of, comparison) for of in _MOMENTS for comparison in _WORDS
    }

    def read(**given: datetime | None) -> list[Bound]:
        return [Bound(*bounds[name], moment) for name, moment in given.items() if moment is not None]

    read.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # what FastAPI reads of a function
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[
                    _GivenMoment | None,
                    Query(description=f"Only runs whose {of} is {_WORDS[comparison]} this moment."),
                ],
            )
            for name, (of, comparison) in bounds.items()
        ]
    )
    return read


_read_bounds = _bounds_reader()


def read_run_filter(
    bounds: Annotated[list[Bound], Depends(_read_bounds)],
    state: Annotated[list[DagRunState] | None, Query(description="Only runs in one of these states.")] = None,
    run_type: Annotated[list[DagRunType] | None, Query(description="Only runs of one of these types.")] = None,
    run_id_pattern: Annotated[str | None, Query(description="Part of the run id.")] = None,
) -> RunFilter:
    """Which runs a request asks for."""
    return RunFilter(states=state or (), types=run_type or (), name_part=run_id_pattern, bounds=bounds)


Filter = Annotated[RunFilter, Depends(read_run_filter)]
"""Which runs a request asks for, as an argument of a route."""

Order = Annotated[
    list[RunOrder] | None,
    Query(description="What to order by, the first before the second; minus turns it round. `-run_after` when absent."),
]

"""What the bodies of the public API have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """A request body: a field that is not known is refused, never ignored."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Shape(BaseModel):
    """A response body."""

    model_config = ConfigDict(ser_json_inf_nan="constants")


def seconds_between(start: datetime | None, end: datetime | None, now: datetime) -> float | None:
    """Duration of what began at `start`, so far if it has not ended."""
    return None if start is None else max(0.0, ((end or now) - start).total_seconds())


def time_delta(seconds: float) -> dict[str, Any]:
    """A duration as Airflow's API writes it."""
    days, rest = divmod(seconds, 86_400)
    whole = int(rest)
    return {"__type": "TimeDelta", "days": int(days), "seconds": whole, "microseconds": round((rest - whole) * 1e6)}

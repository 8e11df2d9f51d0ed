"""How the priority of a task follows from its weight and those of its neighbours."""

from __future__ import annotations

import enum


class WeightRule(enum.StrEnum):
    """How the effective priority of a task follows from its `priority_weight`; the names are Airflow's.

    `DOWNSTREAM` adds the weights of all tasks that come after it, `UPSTREAM` those of all that come before it,
    `ABSOLUTE` takes its own weight alone.
    """

    DOWNSTREAM = "downstream"
    UPSTREAM = "upstream"
    ABSOLUTE = "absolute"

"""What the examples must find in their data, counted here a second time and in another way."""

import csv
import gzip
import io
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
DATA = EXAMPLES / "data"
LATE_MINUTES = 15

Sums = dict[str, tuple[int, int, int]]


@dataclass(frozen=True)
class Facts:
    """Numbers about the flights.

    Attributes:
        read: flights in the file.
        usable: those that arrived and say when.
        rejects: the others by reason.
        delays: grouping to name to flights, late ones, and minutes of delay.
        destinations: flights by destination, cancelled ones too, the busiest first.
    """

    read: int
    usable: int
    rejects: dict[str, int]
    delays: dict[str, Sums]
    destinations: list[tuple[str, int]]


@cache
def facts() -> Facts:
    """Count everything from the file."""
    text = gzip.decompress((DATA / "flights_2013q1.csv.gz").read_bytes()).decode()
    header, *rows = csv.reader(io.StringIO(text))
    column = {name: index for index, name in enumerate(header)}
    arrived = [row for row in rows if row[column["arr_delay"]] != "NA"]
    cancelled = sum(row[column["dep_time"]] == "NA" for row in rows)
    names = {
        "carrier": [row[column["carrier"]] for row in arrived],
        "route": [f"{row[column['origin']]}-{row[column['dest']]}" for row in arrived],
        "hour": [row[column["hour"]] for row in arrived],
    }
    minutes = [int(row[column["arr_delay"]]) for row in arrived]
    destinations: dict[str, int] = defaultdict(int)
    for row in rows:
        destinations[row[column["dest"]]] += 1
    return Facts(
        read=len(rows),
        usable=len(arrived),
        rejects={"cancelled": cancelled, "no arrival delay": len(rows) - len(arrived) - cancelled},
        delays={grouping: _sums(keys, minutes) for grouping, keys in names.items()},
        destinations=sorted(destinations.items(), key=lambda item: (-item[1], item[0])),
    )


def _sums(keys: list[str], minutes: list[int]) -> Sums:
    by_key: dict[str, list[int]] = defaultdict(list)
    for key, delay in zip(keys, minutes, strict=True):
        by_key[key].append(delay)
    return {
        key: (len(delays), len([delay for delay in delays if delay >= LATE_MINUTES]), sum(delays))
        for key, delays in by_key.items()
    }

"""Delays of flights from New York: extract, validate, transform in parallel, load into SQLite, report.

The input is in `data/` beside this file: every flight that was scheduled to leave New York City from January to March
2013. Files travel with the DAG file, so each task finds them wherever it runs; what tasks tell each other is small and
goes by XCom, so they may run on different hosts.

Only `load` writes a file. `--conf '{"database": "/some/where.sqlite"}'` chooses it; loading a run again replaces that
run's rows, so that a task which is tried twice leaves nothing twice.
"""

import csv
import getpass
import gzip
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from tradewind.sdk import dag, get_current_context, task
from tradewind.sdk.exceptions import TradewindFailException

DATA = Path(__file__).parent / "data"
FLIGHTS = DATA / "flights_2013q1.csv.gz"
COLUMNS = {"carrier", "origin", "dest", "hour", "dep_time", "arr_delay"}
MISSING = {"", "NA"}
LATE_MINUTES = 15  # from here on the statistics of the United States count a flight as delayed
MOST_REJECTS = 0.1

TABLES = """
CREATE TABLE IF NOT EXISTS delays (
    run_id TEXT NOT NULL, grouped_by TEXT NOT NULL, name TEXT NOT NULL,
    flights INTEGER NOT NULL, late INTEGER NOT NULL, delay_minutes INTEGER NOT NULL,
    PRIMARY KEY (run_id, grouped_by, name)
);
CREATE TABLE IF NOT EXISTS rejects (
    run_id TEXT NOT NULL, reason TEXT NOT NULL, flights INTEGER NOT NULL, PRIMARY KEY (run_id, reason)
);
"""
PUNCTUALITY = """
SELECT name, flights, round(100.0 * late / flights, 1), round(1.0 * delay_minutes / flights, 1) AS mean_delay
FROM delays WHERE run_id = ? AND grouped_by = 'carrier' ORDER BY mean_delay, name
"""

Row = dict[str, str]


def read_flights() -> Iterator[Row]:
    """Read the flights one by one."""
    with gzip.open(FLIGHTS, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def read_airlines() -> dict[str, str]:
    """Map the code of each carrier to its name."""
    with (DATA / "airlines.csv").open(encoding="utf-8", newline="") as file:
        return {row["carrier"]: row["name"] for row in csv.DictReader(file)}


def defect(row: Row, airlines: dict[str, str]) -> str | None:
    """Say why a flight cannot be counted, None if it can."""
    if row["dep_time"] in MISSING:
        return "cancelled"
    if row["arr_delay"] in MISSING:
        return "no arrival delay"
    if row["carrier"] not in airlines:
        return "unknown carrier"
    return None


def summarize(*columns: str) -> list[list[Any]]:
    """Count flights, late ones and minutes of delay for each value of the columns: rows of name and three numbers."""
    airlines = read_airlines()
    flights, late, minutes = Counter[str](), Counter[str](), Counter[str]()
    for row in read_flights():
        if defect(row, airlines) is None:
            name = "-".join(row[column] for column in columns)
            delay = int(row["arr_delay"])
            flights[name] += 1
            late[name] += delay >= LATE_MINUTES
            minutes[name] += delay
    return [[name, flights[name], late[name], minutes[name]] for name in sorted(flights)]


def default_database() -> Path:
    """Name the database of a run that was told none, in a directory that only its user can reach."""
    directory = Path(tempfile.gettempdir()) / f"tradewind-{getpass.getuser()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory / "etl_flights.sqlite"


@task
def extract() -> dict[str, Any]:
    """Look at the input: is it there, and has it the columns that are needed?"""
    first = next(read_flights())
    if absent := COLUMNS - first.keys():
        raise TradewindFailException(f"{FLIGHTS.name} has no column {', '.join(sorted(absent))}")
    print(f"{FLIGHTS.name}: {FLIGHTS.stat().st_size:,} bytes, columns {', '.join(first)}")
    return {"file": FLIGHTS.name, "bytes": FLIGHTS.stat().st_size}


@task
def validate(source: dict[str, Any]) -> dict[str, Any]:
    """Count the flights, and those that cannot be used by reason; too many of them are a fault of the input."""
    airlines = read_airlines()
    verdicts = Counter(defect(row, airlines) for row in read_flights())
    usable = verdicts.pop(None, 0)
    rejects = {str(reason): count for reason, count in sorted(verdicts.items(), key=str)}
    read = usable + sum(rejects.values())
    print(f"{source['file']}: {read:,} flights, {usable:,} usable, rejected: {rejects}")
    if read - usable > MOST_REJECTS * read:
        raise TradewindFailException(f"{read - usable:,} of {read:,} flights cannot be used: {rejects}")
    return {"read": read, "usable": usable, "rejects": rejects}


@task
def delays(grouped_by: str, columns: list[str], validated: dict[str, Any]) -> dict[str, Any]:
    """Sum up the delays by the columns."""
    rows = summarize(*columns)
    if (counted := sum(row[1] for row in rows)) != validated["usable"]:
        raise ValueError(f"{counted:,} flights by {grouped_by}, where {validated['usable']:,} were valid")
    print(f"{len(rows)} rows by {grouped_by}")
    return {"grouped_by": grouped_by, "rows": rows}


@task
def load(validated: dict[str, Any], groups: list[dict[str, Any]]) -> dict[str, Any]:
    """Replace what this run has in the database, all or nothing."""
    run = get_current_context()["dag_run"]
    path = Path(run.conf.get("database") or default_database())
    rows = [(run.run_id, group["grouped_by"], *row) for group in groups for row in group["rows"]]
    rejects = [(run.run_id, reason, count) for reason, count in validated["rejects"].items()]
    with closing(sqlite3.connect(path)) as database:
        database.executescript(TABLES)
        with database:
            database.execute("DELETE FROM delays WHERE run_id = ?", [run.run_id])
            database.execute("DELETE FROM rejects WHERE run_id = ?", [run.run_id])
            database.executemany("INSERT INTO delays VALUES (?, ?, ?, ?, ?, ?)", rows)
            database.executemany("INSERT INTO rejects VALUES (?, ?, ?)", rejects)
        punctuality = database.execute(PUNCTUALITY, [run.run_id]).fetchall()
    print(f"{len(rows)} rows are in {path}")
    return {"database": str(path), "rows": len(rows), "punctuality": punctuality}


@task
def report(loaded: dict[str, Any]) -> dict[str, Any]:
    """Print the carriers, the most punctual first."""
    airlines = read_airlines()
    print(f"{'carrier':<28}{'flights':>8}{'late':>9}{'mean delay':>14}")
    for code, flights, late, delay in loaded["punctuality"]:
        print(f"{airlines[code]:<28}{flights:>8,}{late:>7.1f} %{delay:>10.1f} min")
    best, worst = loaded["punctuality"][0], loaded["punctuality"][-1]
    return {"carriers": len(loaded["punctuality"]), "most_punctual": best[0], "least_punctual": worst[0]}


@dag(
    dag_id="etl_flights",
    description="Delays of flights from New York, January to March 2013",
    doc_md=__doc__,
    tags=["example", "etl"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=1)},
)
def etl_flights() -> None:
    """Wire the tasks; an argument that is another task's result makes the edge between the two."""
    validated = validate(extract())
    by_carrier = delays.override(task_id="delays_by_carrier")("carrier", ["carrier"], validated)
    by_route = delays.override(task_id="delays_by_route")("route", ["origin", "dest"], validated)
    by_hour = delays.override(task_id="delays_by_hour")("hour", ["hour"], validated)
    report(load(validated, [by_carrier, by_route, by_hour]))


etl_flights()

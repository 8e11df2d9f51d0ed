"""Turns files of results into a table in Markdown: `python -m tests.benchmarks.report RESULTS.json…`."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        words: what it is; names of sizes in braces are those that were measured.
        figure: where its number is.
        number: its name, with its unit as the last part.
        reach: what is to be reached, as the table says it.
    """

    words: str
    figure: str
    number: str
    reach: str = ""


SHORT_RUNS = "{short_runs_per_minute:,} short runs a minute for {minutes} minutes: done"
ROWS = (
    Row("chain: end of a task → user code of the next, p50", "chain", "gap_p50_ms", "≤ 6 ms"),
    Row("the same, p95", "chain", "gap_p95_ms", "≤ 15 ms"),
    Row("of it until the outcome is recorded", "one_try", "report_p50_ms"),
    Row("of it until the next task is handed out", "one_try", "decide_p50_ms"),
    Row("of it until its user code runs", "one_try", "start_p50_ms"),
    Row("trigger → user code, p50", "trigger", "latency_p50_ms", "≤ 20 ms"),
    Row("{wide:,} forked no-op tasks", "fan_out", "tasks_per_second", "≥ 400 /s"),
    Row("CPU of each", "fan_out", "cpu_per_task_ms", "≤ 5 ms"),
    Row("of it the control plane", "fan_out", "control_plane_cpu_per_task_ms"),
    Row("of it the supervisor", "fan_out", "supervisor_cpu_per_task_ms"),
    Row("of it the processes of user code", "fan_out", "user_code_cpu_per_task_ms"),
    Row("CPU of PostgreSQL for each", "fan_out", "database_cpu_per_task_ms"),
    Row("the same tasks with `reuse`", "fan_out_reuse", "tasks_per_second", "≥ 1,500 /s"),
    Row("CPU of each", "fan_out_reuse", "cpu_per_task_ms"),
    Row("empty home → first task finished", "cold_start", "finished_seconds", "≤ 2 s"),
    Row("idle: CPU", "idle", "cpu_percent", "≤ 0.5 %"),
    Row("idle: CPU of PostgreSQL", "idle", "database_cpu_percent"),
    Row("idle: memory (PSS)", "idle", "pss_mb", "≤ 150 MB"),
    Row("idle: processes", "idle", "processes", "≤ 6"),
    Row("memory (PSS) per sleeping task, 16 at once", "sleeping", "16_pss_per_task_mb", "≤ 6 MB"),
    Row("the same, 64 at once", "sleeping", "64_pss_per_task_mb", "≤ 6 MB"),
    Row("SDK alone: distributions", "sdk_alone", "distributions", "≤ 22"),
    Row("SDK alone: on disk", "sdk_alone", "disk_mb", "≤ 30 MB"),
    Row("SDK alone: on disk with byte code", "sdk_alone", "disk_with_bytecode_mb"),
    Row("SDK alone: import", "sdk_alone", "import_p50_ms", "≤ 100 ms"),
    Row("SDK alone: memory (RSS) after import", "sdk_alone", "rss_after_import_mb", "≤ 30 MB"),
    Row("{dag_files} DAG files visible in a running system", "many_dag_files", "visible_seconds", "≤ 2 s"),
    Row("{dag_files} DAG files visible after the start", "many_dag_files_at_start", "visible_from_start_seconds"),
    Row("steady CPU with them", "many_dag_files", "steady_cpu_percent", "≤ 1 %"),
    Row("steady CPU with them after the start", "many_dag_files_at_start", "steady_cpu_percent", "≤ 1 %"),
    Row("a changed file visible", "many_dag_files", "change_visible_seconds", "≤ 1 s"),
    Row("call of the command line", "command_line", "call_p50_seconds", "≤ 0.3 s"),
    Row("CPU per task, 100 in the run", "cost", "100_cpu_per_task_ms"),
    Row("CPU per task, 1,000 in the run", "cost", "1000_cpu_per_task_ms"),
    Row("CPU per task, 10,000 in the run", "cost", "10000_cpu_per_task_ms"),
    Row("CPU per task, 1,000 in the run, 100,000 kept", "cost", "kept_cpu_per_task_ms"),
    Row("the same, largest growth with the size of the run", "cost", "cpu_per_task_growth_ratio", "≤ 1.2 times"),
    Row("the same, growth with what is kept", "cost", "cpu_per_task_kept_ratio", "≤ 1.2 times"),
    Row("wall time per task, 100 in the run", "cost", "100_wall_per_task_ms"),
    Row("wall time per task, 1,000 in the run", "cost", "1000_wall_per_task_ms"),
    Row("wall time per task, 10,000 in the run", "cost", "10000_wall_per_task_ms"),
    Row("wall time per task, 1,000 in the run, 100,000 kept", "cost", "kept_wall_per_task_ms"),
    Row("the same, largest growth with the size of the run", "cost", "wall_per_task_growth_ratio", "≤ 1.2 times"),
    Row("the same, growth with what is kept", "cost", "wall_per_task_kept_ratio", "≤ 1.2 times"),
    Row("{runs_at_once:,} runs of {run_tasks} tasks at once", "runs_at_once", "tasks_per_second"),
    Row("CPU per task", "runs_at_once", "cpu_per_task_ms"),
    Row("creating a run", "runs_at_once", "create_per_run_ms"),
    Row(SHORT_RUNS, "short_runs", "runs_per_minute", "2,000 /min"),
    Row("CPU per task in the first minute", "short_runs", "first_cpu_per_task_ms"),
    Row("CPU per task in the last minute", "short_runs", "last_cpu_per_task_ms"),
    Row("memory (PSS) after the first minute", "short_runs", "first_pss_mb"),
    Row("memory (PSS) after the last minute", "short_runs", "last_pss_mb"),
    Row("rows per task in the first minute", "short_runs", "first_rows_per_task"),
    Row("rows per task in the last minute", "short_runs", "last_rows_per_task"),
    Row("database per task", "short_runs", "database_per_task_bytes"),
)
UNITS = {
    "ms": " ms",
    "second": " /s",
    "minute": " /min",
    "seconds": " s",
    "percent": " %",
    "mb": " MB",
    "bytes": " B",
    "ratio": " times",
}
NOWHERE = "-"
QUIET_PERCENT = 5
BEGIN = "<!-- results: begin -->"
END = "<!-- results: end -->"


def table(results: Sequence[dict[str, Any]]) -> str:
    """Return the table of everything that was measured: the median, and the spread where there were several runs.

    Args:
        results: as `Results.as_json` gives them, at least one, of the same sizes; of the same figure of the same
            system the last one counts.
    """
    columns = _columns(results)
    lines = [
        f"| figure | {' | '.join(columns)} | reach |",
        f"|---|{'---|' * len(columns)}---|",
    ]
    for row in ROWS:
        cells = [_cell(figures.get(row.figure, {}).get(row.number), row.number) for figures in columns.values()]
        if any(cell != NOWHERE for cell in cells):
            lines.append(f"| {row.words.format(**results[0]['sizes'])} | {' | '.join(cells)} | {row.reach} |")
    return "\n".join(lines)


def _columns(results: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The figures of each product, database and topology; those of an environment stand in the first of its product."""
    systems = [system for result in results for system in result["systems"]]
    columns: dict[str, dict[str, Any]] = {}
    for system in systems:
        if system["topology"] != "environment":
            columns.setdefault(_title(system), {}).update(system["figures"])
    for system in systems:
        if system["topology"] == "environment":
            product = system["product"].partition(" ")[0]
            title = next((title for title in columns if title.lower().startswith(product)), product.capitalize())
            columns.setdefault(title, {}).update(system["figures"])
    return columns


def _title(system: dict[str, Any]) -> str:
    database = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[system["database"]]
    roles = ", roles apart" if system["topology"] == "split" else ""
    return f"{system['product'].capitalize()}, {database}{roles}"


def _cell(found: dict[str, Any] | None, number: str) -> str:
    if found is None:
        return NOWHERE
    unit = UNITS.get(number.rpartition("_")[2], "")
    median = f"{_short(found['median'])}{unit}"
    if len(found["runs"]) == 1:
        return median
    return f"{median} ({_short(found['min'])} to {_short(found['max'])})"


def _short(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2g}"


def put_into(page: Path, text: str) -> None:
    """Replace what stands between the two marks of a page.

    Raises:
        ValueError: the page does not have both marks.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{page} must have the lines {BEGIN} and {END}: the table goes between them")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def conditions(result: dict[str, Any]) -> str:
    """Say what a file of results was measured on, and what could not be measured."""
    machine, versions = result["machine"], result["versions"]
    said = (
        f"{result['measured_at'][:10]}, {machine['processors']} processors {machine['processor']},"
        f" {machine['memory_mib'] / 1024:.0f} GiB, Linux {machine['kernel']};"
        f" {', '.join(f'{name} {number}' for name, number in versions.items())}."
    )
    loops = [
        figure["loop_ms"]
        for system in result["systems"]
        for figure in system["figures"].values()
        if "loop_ms" in figure
    ]
    if loops:
        fastest, slowest = min(loop["min"] for loop in loops), max(loop["max"] for loop in loops)
        said += f" A loop of a million additions took {fastest:.0f} to {slowest:.0f} ms beside the figures."
    if disturbed := list(_disturbed(result)):
        said += f" Others used more than {QUIET_PERCENT} % of the machine during {', '.join(disturbed)}."
    return "\n\n".join([said, *(f"Not measured: {failure.splitlines()[0]}" for failure in result["failures"])])


def _disturbed(result: dict[str, Any]) -> Iterator[str]:
    for system in result["systems"]:
        for name, numbers in system["figures"].items():
            other = numbers.get("other_cpu_percent")
            if other and other["median"] > QUIET_PERCENT:
                yield f"{name} ({_title(system)}: {other['median']:.0f} %)"


def main() -> None:
    """Print the table, and what it was measured on; or put both into a page."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.report", description=__doc__)
    parser.add_argument("results", type=Path, nargs="+", help="what `python -m tests.benchmarks.run --out` has written")
    parser.add_argument("--into", type=Path, help="page to put it into, between its marks")
    chosen = parser.parse_args()
    results = [json.loads(path.read_text()) for path in chosen.results]
    text = "\n\n".join([table(results), *map(conditions, results)])
    if chosen.into:
        put_into(chosen.into, text)
    else:
        print(text)


if __name__ == "__main__":
    main()

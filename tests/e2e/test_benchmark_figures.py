"""Each figure of the benchmarks can be measured: tiny sizes here, which say nothing about speed."""

import math
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import picture, report
from tests.benchmarks.catalogue import FIGURES, NAMES, Figure
from tests.benchmarks.dag_files import OURS, TEMPLATES, source
from tests.benchmarks.deployment import SPLIT, STANDALONE, database_server, deployed
from tests.benchmarks.environment import OURS as OUR_SDK
from tests.benchmarks.environment import sdk_alone
from tests.benchmarks.history import keep_copies, table_rows
from tests.benchmarks.measure import measure
from tests.benchmarks.measured_runs import measured_run
from tests.benchmarks.results import Results
from tests.benchmarks.run import SDK_ALONE
from tests.benchmarks.sizes import FULL, QUICK
from tests.benchmarks.tradewind_deployment import TradewindDeployment
from tests.journal.checker import faults
from tests.journal.records import read_journal

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
ON_POSTGRESQL = {"cost", "fan_out", "idle", "one_try", "short_runs"}
"""Figures that look at the database, or at the processes of roles that are apart."""


def measured(figure: Figure, database: str, topology: str) -> dict[str, Any]:
    results = Results(QUICK)
    measure(results, "tradewind", TradewindDeployment, [figure], [(database, topology)])
    assert results.failures == []
    return results.as_json()


def numbers_of(result: dict[str, Any], figure: str) -> dict[str, float]:
    (system,) = result["systems"]
    return {name: values["median"] for name, values in system["figures"][figure].items()}


@pytest.mark.parametrize("figure", FIGURES, ids=NAMES)
def test_a_figure_can_be_measured_on_sqlite(figure: Figure) -> None:
    result = measured(figure, "sqlite", STANDALONE)

    numbers = numbers_of(result, figure.name)
    assert all(math.isfinite(number) for number in numbers.values())
    assert all(number >= 0 for name, number in numbers.items() if not name.endswith(("bytes", "pss_per_task_mb")))
    assert report.table([result])


@pytest.mark.parametrize("figure", [figure for figure in FIGURES if figure.name in ON_POSTGRESQL], ids=lambda f: f.name)
def test_a_figure_can_be_measured_of_roles_that_are_apart(figure: Figure) -> None:
    numbers = numbers_of(measured(figure, "postgresql", SPLIT), figure.name)

    assert all(math.isfinite(number) for number in numbers.values())
    assert all(number > 0 for name, number in numbers.items() if name.endswith("database_cpu_per_task_ms"))


def test_the_sdk_can_be_measured_alone() -> None:
    numbers = sdk_alone(OUR_SDK, QUICK)
    assert numbers.keys() >= {"distributions", "disk_mb", "import_p50_ms", "rss_after_import_mb"}
    assert all(number > 0 for number in numbers.values())


def test_a_figure_that_fails_is_told_and_the_next_one_is_measured() -> None:
    def fails(*_: object) -> dict[str, float]:
        raise RuntimeError("on purpose")

    results = Results(QUICK)
    broken = Figure("broken", fails, lambda _: [("single", 1)])
    chain = FIGURES[NAMES.index("chain")]

    measure(results, "tradewind", TradewindDeployment, [broken, chain], [("sqlite", STANDALONE)])

    (failure,) = results.failures
    assert "sqlite broken: RuntimeError: on purpose" in failure
    (system,) = results.systems
    assert system["figures"].keys() == {"chain"}


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_copies_of_a_run_are_histories_that_the_rules_allow(database: str) -> None:
    with (
        database_server(database) as postgres,
        deployed(TradewindDeployment, STANDALONE, postgres, files=[("wide", 5)]) as deployment,
    ):
        deployment.start()
        deployment.wait_for_dag("wide_5")
        measured_run(deployment, "wide_5", 5)
        deployment.stop()
        before = read_journal(deployment.database_url)
        rows = table_rows(deployment.database_url)

        keep_copies(deployment.database_url, *deployment.runs[0], 3)

        after = read_journal(deployment.database_url)
        for name in ("runs", "instances", "tries", "events", "values"):
            assert len(getattr(after, name)) == 4 * len(getattr(before, name)), name
        assert faults(after) == []
        assert table_rows(deployment.database_url) > rows
        deployment.start()
        deployment.wait_for_dag("wide_5")
        measured_run(deployment, "wide_5", 5)


def test_every_row_of_the_report_is_a_number_that_some_figure_has() -> None:
    assert {row.figure for row in report.ROWS} == {*NAMES, SDK_ALONE}
    widths = {f"{width}_cpu_per_task_ms" for width in FULL.widths} | {"kept_cpu_per_task_ms"}
    assert {row.number for row in report.ROWS if row.figure == "cost"} >= widths
    sleeping = {f"{count}_pss_per_task_mb" for count in FULL.sleeping}
    assert {row.number for row in report.ROWS if row.figure == "sleeping"} == sleeping


def test_a_report_goes_between_the_marks_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.put_into(page, "| new |")
    assert page.read_text() == f"before\n{report.BEGIN}\n\n| new |\n\n{report.END}\nafter\n"
    assert report.BEGIN in PAGE.read_text()
    assert report.END in PAGE.read_text()
    page.write_text("nothing")
    with pytest.raises(ValueError, match=r"page\.md must have"):
        report.put_into(page, "")


def test_the_picture_shows_where_the_time_goes() -> None:
    names = ("report_p50_ms", "decide_p50_ms", "start_p50_ms")
    figures = {"one_try": {name: {"median": 1.0 + place} for place, name in enumerate(names)}}
    system = {"product": "tradewind", "database": "sqlite", "topology": STANDALONE, "figures": figures}
    drawn = picture.draw({"systems": [system]})
    assert drawn.startswith("<svg")
    assert all(f"{words}: {1 + place:.2f} ms" in drawn for place, words in enumerate(("report", "decide", "start")))
    assert "6.0 ms" in drawn
    with pytest.raises(ValueError, match="one_try"):
        picture.draw({"systems": []})


@pytest.mark.parametrize("template", sorted(path.stem for path in TEMPLATES.glob("*.py") if path.stem != "marking"))
def test_a_dag_file_differs_between_products_in_its_import_only(template: str) -> None:
    ours, theirs = source((template, 7)), source((template, 7), sdk="airflow.sdk")
    assert "SIZE = 7" in ours
    assert theirs == ours.replace(f"from {OURS} import", "from airflow.sdk import")
    assert theirs != ours

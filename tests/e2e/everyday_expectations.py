"""What the DAG files of `tests/e2e/everyday` must come to: states and XComs of each run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DATE = "2026-03-01T06:00:00Z"


@dataclass(frozen=True)
class Expectation:
    """How a run of a DAG ends.

    Attributes:
        run: state of the run.
        tasks: state of each task.
        xcoms: (task id, key) to value, of those that are looked at.
        conf: what the run is triggered with.
        local: whether `dag.test()` comes to the same.
    """

    run: str
    tasks: Mapping[str, str]
    xcoms: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    conf: Mapping[str, Any] = field(default_factory=dict)
    local: bool = True


def _all(state: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, state)


def _rules(prefix: str, **by_state: str) -> dict[str, str]:
    return {f"{prefix}_{rule}": state for state, rules in by_state.items() for rule in rules.split()}


EXPECTED = {
    "imported": Expectation(
        run="success",
        tasks=_all("success", "load", "send"),
        xcoms={("send", "return_value"): "send at north on shop.example"},
    ),
    "branching": Expectation(
        run="success",
        tasks={
            **_all("success", "branch", "left", "join", "inner", "stop", "always", "go_on"),
            **_all("skipped", "right", "never_a", "never_b", "stopped", "sometimes"),
        },
        xcoms={("branch", "return_value"): ["left", "inner"]},
    ),
    "templates": Expectation(
        run="success",
        tasks=_all("success", "bash", "as_it_is", "native", "context"),
        xcoms={
            ("bash", "return_value"): "2026-03-01 worldworld WORLD 2026-03-06 bash",
            ("as_it_is", "return_value"): "{{ ds }}",
            ("native", "return_value"): [6, 1, 2],
            ("context", "return_value"): {
                "ds": "2026-03-01",
                "tomorrow": "2026-03-02",
                "rows": 5,
                "try": 2,
                "nodash": "20260301T060000",
            },
        },
        conf={"rows": 5},
    ),
    "groups": Expectation(
        run="failed",
        tasks={
            **_all("success", "start", "outer.first", "outer.inner.a", "outer.inner.b", "outer.inner.c", "end"),
            **_all("success", "numbers.one", "numbers.two", "create", "destroy"),
            "work": "failed",
        },
        xcoms={("numbers.two", "return_value"): 42, ("destroy", "return_value"): "cluster is gone"},
    ),
    "xcoms": Expectation(
        run="success",
        tasks=_all("success", "several", "typed", "gather", "secrets", "push"),
        xcoms={
            ("several", "a"): 1,
            ("several", "b"): {"c": 2},
            ("push", "rows"): [1, 2, 3],
            ("gather", "return_value"): {
                "a": 1,
                "b": {"c": 2},
                "rows": [1, 2, 3],
                "both": ["pushed", {"a": 1, "b": {"c": 2}}],
                "span": 3600.0,
            },
            ("secrets", "return_value"): [{"day": 1}, "postgres://me:pw@db:5432/main", 5432, "none"],
        },
    ),
    "functions": Expectation(
        run="success",
        tasks=_all(
            "success",
            *("decorated", "total", "collect", "make_0", "make_1", "inline_0", "inline_1", "add"),
            *("doubled.double", "doubled.double__1"),
        ),
        xcoms={
            ("decorated", "return_value"): ["told", [1, "2026-03-01"]],
            ("total", "return_value"): [40, 1, False],
            ("collect", "return_value"): {"values": [[0, 1], 20, {"made": 0}], "day": "SUNDAY", "dag": None},
            ("make_1", "made_1"): "2026-03-01",
            ("add", "return_value"): [11, "add"],
        },
    ),
    "rules": Expectation(
        run="failed",
        tasks={
            **_all("success", "well", "also_well", "apart"),
            "badly": "failed",
            "skipped": "skipped",
            **_rules(
                "mixed",
                success="all_done all_done_setup_success one_success one_failed one_done always",
                upstream_failed="all_success none_failed none_failed_min_one_success",
                skipped="all_done_min_one_success all_failed none_skipped all_skipped",
            ),
            **_rules(
                "good",
                success="all_success all_done all_done_min_one_success all_done_setup_success one_success one_done"
                " none_failed none_failed_min_one_success none_skipped always",
                skipped="all_failed one_failed all_skipped",
            ),
        },
    ),
    "limits": Expectation(
        run="success",
        tasks={
            **_all("failed", "too_long", "at_once"),
            **_all("success", "third_time", "end", *(f"in_pool_{number}" for number in range(4))),
        },
        xcoms={("third_time", "return_value"): 3},
    ),
    "other_python": Expectation(
        run="success",
        tasks=_all("success", "environment", "external", "spawned", "reused", "again", "bash"),
        xcoms={
            ("environment", "return_value"): [42, True],
            ("external", "return_value"): 7,
            ("reused", "return_value"): "spawned",
            ("again", "return_value"): 7,
            ("bash", "return_value"): "other_python",
        },
    ),
    "trigger": Expectation(
        run="success",
        tasks={"other": "success"},
        xcoms={("other", "trigger_run_id"): "from_trigger"},
        conf={"day": "monday"},
        local=False,
    ),
}

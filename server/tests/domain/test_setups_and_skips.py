"""Setup tasks further above, tasks that others declared not needed, and tasks that a date excludes."""

from datetime import timedelta

import pytest

from tradewind.server.contract import OutsideOfDates, SkippedByTask, TaskInstanceState, TriggerRule, UpstreamNotMet
from tradewind.server.domain.decisions import RunFacts
from tradewind.server.domain.graph import Graph
from tradewind.server.domain.task_traits import TaskTraits

from .watched_run import NOW, WatchedRun

State = TaskInstanceState
SETUP = TaskTraits(is_setup=True)
TEARDOWN = TaskTraits(is_teardown=True, trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS)
ANYWAY = TaskTraits(trigger_rule=TriggerRule.ALL_DONE)
DAY = timedelta(days=1)


def setups(graph: Graph, task_id: str) -> set[str]:
    return {graph.task_ids[number] for number in graph.setups[graph.number(task_id)]}


def test_a_setup_matters_up_to_its_teardown() -> None:
    graph = Graph(
        {"s": [], "a": ["s"], "b": ["a"], "t": ["s", "b"], "side": ["a"], "after": ["t"], "beyond": ["b"]},
        {"s": SETUP, "t": TEARDOWN},
    )
    assert setups(graph, "a") == setups(graph, "b") == {"s"}
    assert [setups(graph, name) for name in ("t", "side", "after", "beyond")] == [set()] * 4
    assert {graph.task_ids[task]: names for task, names in graph.indirect_setups.items()} == {"b": (graph.number("s"),)}
    assert graph.cleared_with("b") == ("s", "t")
    assert graph.cleared_with("after") == ()


def test_a_setup_without_teardown_matters_to_everything_below() -> None:
    graph = Graph({"s": [], "a": ["s"], "b": ["a"]}, {"s": SETUP})
    assert setups(graph, "b") == {"s"}
    assert graph.guarded == {graph.number("s"): (graph.number("b"),)}


def test_scopes_inside_of_each_other() -> None:
    graph = Graph(
        {"o": [], "i": ["o"], "a": ["i"], "b": ["a"], "it": ["i", "b"], "c": ["b"], "ot": ["o", "c", "it"]},
        {"o": SETUP, "i": SETUP, "it": TEARDOWN, "ot": TEARDOWN},
    )
    assert setups(graph, "b") == {"o", "i"}
    assert setups(graph, "c") == {"o"}
    assert setups(graph, "it") == {"o"}
    assert graph.cleared_with("b") == ("i", "it", "o", "ot")


def scopes(graph: Graph) -> dict[str, set[str]]:
    return {graph.task_ids[down]: {graph.task_ids[one] for one in between} for down, between in graph.scopes.items()}


def test_a_teardown_cleans_up_after_all_between_its_setups_and_itself() -> None:
    graph = Graph(
        {
            "s": [],
            "a": ["s"],
            "other": [],
            "b": ["a", "other"],
            "c": ["b"],
            "t": ["s", "c"],
            "side": ["a"],
            "after": ["t"],
        },
        {"s": SETUP, "t": TEARDOWN},
    )
    assert scopes(graph) == {"t": {"a", "b"}}
    number = graph.number("t")
    assert graph.in_scope_of == {graph.number("a"): (number,), graph.number("b"): (number,)}


def test_a_teardown_without_setup_or_without_anything_between_has_no_scope() -> None:
    edges = {"s": [], "a": ["s"], "b": ["a"], "t": ["s", "b"]}
    assert scopes(Graph(edges, {"t": TEARDOWN})) == {}
    assert scopes(Graph({"s": [], "a": ["s"], "t": ["s", "a"]}, {"s": SETUP, "t": TEARDOWN})) == {}
    always = TaskTraits(is_teardown=True, trigger_rule=TriggerRule.ALWAYS)
    assert scopes(Graph(edges, {"s": SETUP, "t": always})) == {}


def test_a_teardown_waits_for_what_goes_on_after_a_failure_beside_it() -> None:
    run = WatchedRun({"s": [], "a": ["s"], "b": ["s"], "c": ["a", "b"], "t": ["s", "c"]}, {"s": SETUP, "t": TEARDOWN})
    run.decide()
    run.report("s", State.SUCCESS)
    assert run.decide() == {"a": State.SCHEDULED, "b": State.SCHEDULED}
    run.report("a", State.FAILED)
    assert run.decide() == {"c": State.UPSTREAM_FAILED}
    run.report("b", State.SUCCESS)
    assert run.decide() == {"t": State.SCHEDULED}


def test_a_cleared_task_holds_the_teardown_back_once_more() -> None:
    run = WatchedRun(
        {"s": [], "a": ["s"], "c": ["a"], "t": ["s", "c"]},
        {"s": SETUP, "c": TaskTraits(trigger_rule=TriggerRule.ALWAYS), "t": TEARDOWN},
    )
    run.decide()
    run.report("s", State.SUCCESS)
    run.report("c", State.SUCCESS)
    assert run.decide() == {"a": State.SCHEDULED}
    run.report("a", State.SUCCESS)
    run.report("a", State.NONE)
    assert run.decide() == {"a": State.SCHEDULED}
    run.report("a", State.FAILED)
    assert run.decide() == {"t": State.SCHEDULED}


@pytest.mark.parametrize("state", [State.FAILED, State.SKIPPED])
def test_a_setup_further_above_decides_before_the_rule(state: State) -> None:
    follows = State.UPSTREAM_FAILED if state is State.FAILED else State.SKIPPED
    run = WatchedRun(
        {"s": [], "a": ["s"], "b": ["a"], "anyway": ["a"], "t": ["s", "b", "anyway"]},
        {"s": SETUP, "a": ANYWAY, "b": ANYWAY, "anyway": TaskTraits(trigger_rule=TriggerRule.ALWAYS), "t": TEARDOWN},
    )
    run.decide()
    run.report("s", state)
    assert run.decide() == {"a": State.SCHEDULED, "b": follows}
    assert run.reason("b") == UpstreamNotMet(upstream=["s"], trigger_rule=TriggerRule.ALL_DONE)


def test_a_task_waits_for_a_setup_further_above_though_its_rule_is_met() -> None:
    first = TaskTraits(trigger_rule=TriggerRule.ONE_SUCCESS)
    run = WatchedRun({"s": [], "x": [], "a": ["s", "x"], "b": ["a"]}, {"s": SETUP, "a": first})
    run.decide()
    run.report("x", State.SUCCESS)
    assert run.decide() == {"a": State.SCHEDULED}
    run.report("a", State.SUCCESS)
    assert run.decide() == {}
    run.report("s", State.SUCCESS)
    assert run.decide() == {"b": State.SCHEDULED}


def test_a_task_that_another_declared_not_needed_is_skipped_whatever_its_rule() -> None:
    run = WatchedRun(
        {"branch": [], "yes": ["branch"], "no": ["branch"], "far": ["no"], "end": ["yes", "far"]},
        {"far": ANYWAY, "end": TaskTraits(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)},
    )
    run.decide()
    run.report("branch", State.SUCCESS, skips=["no", "far", "nowhere", "branch"])
    assert run.decide() == {"yes": State.SCHEDULED, "no": State.SKIPPED, "far": State.SKIPPED}
    assert run.reason("far") == SkippedByTask(task_id="branch")
    run.report("yes", State.SUCCESS)
    assert run.decide() == {"end": State.SCHEDULED}


def test_skips_of_a_task_that_runs_again_are_gone() -> None:
    run = WatchedRun({"branch": [], "no": ["branch"], "long": []})
    run.decide()
    run.report("branch", State.SUCCESS, skips=["no"])
    assert run.decide() == {"no": State.SKIPPED}
    run.report("no", State.NONE)
    assert run.decide() == {"no": State.SKIPPED}
    run.report("branch", State.NONE)
    run.report("no", State.NONE)
    assert run.decide() == {"branch": State.SCHEDULED}
    run.report("branch", State.SUCCESS)
    assert run.decide() == {"no": State.SCHEDULED}


def test_a_task_that_has_begun_is_not_skipped_by_another() -> None:
    run = WatchedRun({"branch": [], "other": []})
    run.decide()
    run.report("branch", State.SUCCESS, skips=["other"])
    assert run.decide() == {}


@pytest.mark.parametrize(
    ("date", "excluded"), [(NOW - DAY, True), (NOW, False), (NOW + DAY, False), (NOW + 2 * DAY, True), (None, False)]
)
def test_a_task_is_skipped_outside_of_its_dates(date: object, excluded: bool) -> None:
    traits = TaskTraits(start_date=NOW, end_date=NOW + DAY)
    facts = RunFacts(started_at=NOW, logical_date=date)  # type: ignore[arg-type]  # a date or None
    run = WatchedRun({"a": []}, {"a": traits}, facts=facts)
    assert run.decide() == {"a": State.SKIPPED if excluded else State.SCHEDULED}
    if excluded:
        assert isinstance(run.reason("a"), OutsideOfDates)


def test_a_wide_scope_costs_its_edges() -> None:
    width = 3000
    upstream: dict[str, list[str]] = {"s": []}
    upstream |= {f"a{number}": ["s"] for number in range(width)}
    upstream |= {f"b{number}": [f"a{number}"] for number in range(width)}
    upstream["t"] = ["s", *(f"b{number}" for number in range(width))]
    graph = Graph(upstream, {"s": SETUP, "t": TEARDOWN})
    assert len(graph.guarded[graph.number("s")]) == width
    assert sum(map(len, graph.indirect_setups.values())) == width

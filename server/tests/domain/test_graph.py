from datetime import timedelta

import pytest

from tradewind.server.contract import Isolation, OnCut, SerializedDag, SerializedTask, TriggerRule
from tradewind.server.domain.graph import Graph, GraphError
from tradewind.server.domain.task_traits import TaskTraits


def task(task_id: str, *upstream: str) -> SerializedTask:
    return SerializedTask(
        task_id=task_id,
        operator="EmptyOperator",
        operator_module="tradewind.sdk.standard.operators.empty",
        upstream=sorted(upstream),
        trigger_rule=TriggerRule.ALL_SUCCESS,
        retries=0,
        retry_delay_seconds=300.0,
        queue="default",
        isolation=Isolation.FORK,
        on_cut=OnCut.CONTINUE,
        owner="tradewind",
    )


def dag(*tasks: SerializedTask) -> SerializedDag:
    return SerializedDag(dag_id="d", tags=[], max_active_runs=16, tasks=list(tasks))


def test_tasks_are_numbered_in_topological_order() -> None:
    graph = Graph.from_dag(
        dag(task("load", "clean", "check"), task("clean", "read"), task("check", "read"), task("read"))
    )
    assert graph.task_ids[0] == "read"
    assert graph.task_ids[-1] == "load"
    for number, sources in enumerate(graph.upstream):
        assert all(source < number for source in sources)


def test_roots_leaves_and_edges_in_both_directions() -> None:
    graph = Graph.from_dag(dag(task("a"), task("b", "a"), task("c", "a"), task("alone")))
    names = graph.task_ids
    assert {names[number] for number in graph.roots} == {"a", "alone"}
    assert {names[number] for number in graph.leaves} == {"b", "c", "alone"}
    assert {names[number] for number in graph.downstream[graph.number("a")]} == {"b", "c"}
    assert graph.upstream_of("c") == ("a",)


def test_what_a_dag_declares_about_its_runs_is_known() -> None:
    options = {"fail_fast": True, "dagrun_timeout_seconds": 90.0}
    graph = Graph.from_dag(dag(task("a")).model_copy(update=options))
    assert (graph.fail_fast, graph.timeout, graph.looks_back) == (True, timedelta(seconds=90), False)
    for_ever = {"dagrun_timeout_seconds": 1e300}
    assert Graph.from_dag(dag(task("a")).model_copy(update=for_ever)).timeout is not None


def test_what_a_task_declares_is_known_by_its_number() -> None:
    options = {
        "trigger_rule": TriggerRule.ALL_DONE_SETUP_SUCCESS,
        "is_teardown": True,
        "on_failure_fail_dagrun": True,
        "wait_for_downstream": True,
        "ignore_first_depends_on_past": False,
    }
    graph = Graph.from_dag(dag(task("a"), task("b", "a").model_copy(update=options)))
    assert graph.traits[graph.number("a")] == TaskTraits()
    assert graph.traits[graph.number("b")] == TaskTraits(**options)  # type: ignore[arg-type]  # fields of both
    assert graph.looks_back
    assert "b" in graph
    assert "c" not in graph


def test_the_tasks_that_decide_are_those_with_nothing_but_ignorable_teardowns_below() -> None:
    ignorable = TaskTraits(is_teardown=True)
    upstream = {"a": [], "b": ["a"], "down": ["a", "b"], "strict": ["b"], "side": ["a"]}
    traits = {"down": ignorable, "strict": TaskTraits(is_teardown=True, on_failure_fail_dagrun=True)}
    graph = Graph(upstream, traits)
    assert {graph.task_ids[number] for number in graph.deciding} == {"strict", "side"}


def test_a_dag_without_tasks_is_a_graph() -> None:
    assert len(Graph.from_dag(dag())) == 0


def test_a_cycle_is_refused_and_spelled_out() -> None:
    with pytest.raises(GraphError, match=r"cycle: (a >> b >> c >> a|b >> c >> a >> b|c >> a >> b >> c);"):
        Graph.from_dag(dag(task("first"), task("a", "c", "first"), task("b", "a"), task("c", "b"), task("after", "c")))


def test_a_task_that_waits_for_itself_is_a_cycle() -> None:
    with pytest.raises(GraphError, match="a >> a"):
        Graph.from_dag(dag(task("a", "a")))


def test_a_long_cycle_is_abbreviated() -> None:
    names = [f"t{number:03}" for number in range(100)]
    with pytest.raises(GraphError) as caught:
        Graph.from_dag(dag(*(task(name, names[number - 1]) for number, name in enumerate(names))))
    assert "…" in str(caught.value)
    assert len(str(caught.value)) < 200


def test_an_unknown_upstream_task_is_named() -> None:
    with pytest.raises(GraphError, match="'b' waits for 'nowhere'"):
        Graph.from_dag(dag(task("b", "nowhere")))


def test_a_repeated_task_id_is_named() -> None:
    with pytest.raises(GraphError, match="'a' occurs twice"):
        Graph.from_dag(dag(task("a"), task("a")))

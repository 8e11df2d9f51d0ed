"""Rules of `TaskGroup` and `@task_group`."""

from typing import Any

import pytest

from tradewind.sdk import DAG, Label, TaskGroup, XComArg, chain, cross_downstream, task, task_group
from tradewind.sdk.authoring.dag_context import current_dag
from tradewind.sdk.exceptions import (
    DagAuthoringError,
    DuplicateTaskIdFound,
    TaskAlreadyInTaskGroup,
    TaskNotFound,
    UnknownArgumentError,
    UnsupportedFeatureError,
)
from tradewind.sdk.standard.operators.empty import EmptyOperator


def empty(name: str, **arguments: Any) -> EmptyOperator:
    return EmptyOperator(task_id=name, **arguments)


def edges(dag: DAG) -> set[tuple[str, str]]:
    return {(one.task_id, other) for one in dag.tasks for other in one.downstream_task_ids}


def test_tasks_and_groups_in_a_group_have_its_id_before_theirs() -> None:
    with DAG("d") as dag, TaskGroup("outer") as outer:
        a = empty("a")
        with TaskGroup("inner") as inner:
            b = empty("b")
        c = empty("c")
    assert dag.task_ids == ["outer.a", "outer.inner.b", "outer.c"]
    assert (outer.group_id, inner.group_id, inner.label) == ("outer", "outer.inner", "inner")
    assert (a.task_group, b.task_group, c.task_group) == (outer, inner, outer)
    assert (inner.parent_group, outer.parent_group, dag.task_group.is_root) == (outer, dag.task_group, True)
    assert (a.label, b.label) == ("a", "b")


def test_a_group_may_leave_the_ids_in_it_alone() -> None:
    with DAG("d") as dag, TaskGroup("outer"), TaskGroup("plain", prefix_group_id=False) as plain:
        empty("a")
        with TaskGroup("inner"):
            empty("b")
    assert plain.group_id == "outer.plain"
    assert dag.task_ids == ["a", "inner.b"]
    assert plain.get_child_by_label("a") is dag.get_task("a")


def test_a_group_needs_a_dag() -> None:
    with pytest.raises(DagAuthoringError, match=r"Task group 'g' needs a DAG. Create it inside `with DAG"):
        TaskGroup("g")


def test_a_group_may_be_given_its_dag_or_its_parent() -> None:
    dag = DAG("d")
    group = TaskGroup("g", dag=dag)
    inner = TaskGroup("inner", parent_group=group)
    with inner:
        empty("a")
    assert (inner.dag, dag.task_ids, current_dag()) == (dag, ["g.inner.a"], None)
    assert empty("b", task_group=group).task_id == "g.b"
    assert dag.task_count == 2
    with pytest.raises(DagAuthoringError, match="cannot be in DAG 'other' and its parent in 'd'"):
        TaskGroup("x", dag=DAG("other"), parent_group=group)
    with pytest.raises(DagAuthoringError, match="cannot be in DAG 'other' and in a task group of another DAG"):
        empty("c", dag=DAG("other"), task_group=group)


def test_a_dag_inside_of_a_group_has_groups_of_its_own() -> None:
    with DAG("outer"), TaskGroup("g"):
        with DAG("inner") as inner:
            empty("a")
        assert empty("b").task_id == "g.b"
    assert inner.task_ids == ["a"]


@pytest.mark.parametrize("group_id", ["", "a.b", "a b", "ä", "x" * 201, 5])
def test_an_invalid_group_id_is_refused_with_the_rule(group_id: Any) -> None:
    with DAG("d"), pytest.raises(DagAuthoringError, match="must be a string of 1 to 200 ASCII letters, digits, dashes"):
        TaskGroup(group_id)


def test_groups_and_tasks_share_one_set_of_ids() -> None:
    with DAG("d"):
        empty("a")
        with pytest.raises(DuplicateTaskIdFound, match="group_id 'a' has already been added to DAG 'd'"):
            TaskGroup("a")
        with TaskGroup("g"):
            empty("a")
        with pytest.raises(DuplicateTaskIdFound, match="group_id 'g' has already been added"):
            TaskGroup("g")
        with pytest.raises(
            DuplicateTaskIdFound, match="DAG 'd' has a task group 'g' already; give the task another id"
        ):
            empty("g")
        with TaskGroup("other"):
            TaskGroup("g")


def test_a_name_that_is_taken_gets_a_number_on_request() -> None:
    with DAG("d"), TaskGroup("outer"):
        names = [TaskGroup("g", add_suffix_on_collision=True).group_id for _ in range(3)]
        assert TaskGroup("g__1", add_suffix_on_collision=True).group_id == "outer.g__3"
    assert names == ["outer.g", "outer.g__1", "outer.g__2"]


def test_an_id_may_not_become_too_long_by_its_groups() -> None:
    with DAG("d"), TaskGroup("x" * 200), pytest.raises(DagAuthoringError, match="at most 250 are allowed"):
        empty("y" * 100)


def test_an_arrow_leads_to_the_first_tasks_and_from_the_last_ones() -> None:
    with DAG("d") as dag:
        a, z = empty("a"), empty("z")
        with TaskGroup("g") as group:
            b, c, d, e = (empty(name) for name in "bcde")
            b >> [c, d]
        a >> group >> z
    assert edges(dag) == {
        ("g.b", "g.c"),
        ("g.b", "g.d"),
        ("a", "g.b"),
        ("a", "g.e"),
        ("g.c", "z"),
        ("g.d", "z"),
        ("g.e", "z"),
    }
    assert (group.roots, group.leaves) == ([b, e], [c, d, e])
    assert (group.upstream_task_ids, group.downstream_task_ids) == ({"a"}, {"z"})


def test_an_arrow_between_groups_leads_from_all_ends_to_all_beginnings() -> None:
    with DAG("d") as dag:
        with TaskGroup("one") as one:
            empty("a"), empty("b")
        with TaskGroup("two") as two:
            empty("c"), empty("d")
        two << one
    assert edges(dag) == {(f"one.{first}", f"two.{second}") for first in "ab" for second in "cd"}
    assert (one.downstream_group_ids, two.upstream_group_ids) == ({"two"}, {"one"})


def test_groups_stand_in_lists_chains_and_crosses() -> None:
    with DAG("d") as dag:
        groups = []
        for name in "abcd":
            with TaskGroup(name) as group:
                empty("t")
            groups.append(group)
        a, b, c, d = groups
        [a, b] >> empty("x")
        chain(a, [b, c], d)
        cross_downstream([b], [c, d])
    assert edges(dag) == {
        ("a.t", "x"),
        ("b.t", "x"),
        ("a.t", "b.t"),
        ("a.t", "c.t"),
        ("b.t", "d.t"),
        ("c.t", "d.t"),
        ("b.t", "c.t"),
    }


def test_an_arrow_within_a_group_reaches_a_group_in_it() -> None:
    with DAG("d") as dag, TaskGroup("outer") as outer:
        a = empty("a")
        with TaskGroup("inner") as inner:
            empty("b")
        a >> inner
    assert edges(dag) == {("outer.a", "outer.inner.b")}
    assert [leaf.task_id for leaf in outer.leaves] == ["outer.inner.b"]


def test_an_arrow_passes_through_a_group_without_tasks() -> None:
    with DAG("d") as dag:
        a, b = empty("a"), empty("b")
        with TaskGroup("one") as one:
            pass
        with TaskGroup("two") as two:
            pass
        a >> one >> two >> b
    assert edges(dag) == {("a", "b")}


def test_a_label_stands_on_every_edge_between_groups() -> None:
    with DAG("d") as dag:
        with TaskGroup("one") as one:
            empty("a"), empty("b")
        with TaskGroup("two") as two:
            empty("c")
        one >> Label("then") >> two >> Label("last") >> empty("z")
    assert edges(dag) == {("one.a", "two.c"), ("one.b", "two.c"), ("two.c", "z")}
    assert dag.edge_info == {
        "one.a": {"two.c": {"label": "then"}},
        "one.b": {"two.c": {"label": "then"}},
        "two.c": {"z": {"label": "last"}},
    }


def test_what_follows_a_group_does_not_wait_for_its_teardown() -> None:
    with DAG("d") as dag:
        with TaskGroup("g") as group:
            s, w, t = empty("s").as_setup(), empty("w"), empty("t")
            s >> w >> t.as_teardown(setups=s)
        group >> empty("z")
    assert group.leaves == [w]
    assert ("g.w", "z") in edges(dag)
    assert ("g.t", "z") not in edges(dag)


def test_a_chain_of_teardowns_at_the_end_of_a_group_is_left_out() -> None:
    with DAG("d"), TaskGroup("g") as group:
        w, one, two = empty("w"), empty("one").as_teardown(), empty("two").as_teardown()
        w >> one >> two
    assert group.leaves == [w]


def test_what_is_in_a_group_is_found_by_its_name() -> None:
    with DAG("d") as dag, TaskGroup("g") as group:
        a = empty("a")
        inner = TaskGroup("inner")
    assert group.get_child_by_label("a") is a
    assert group["inner"] is inner
    assert dag.task_group["g"] is group
    with pytest.raises(TaskNotFound, match="Task group 'g' holds no task or group 'b'"):
        group["b"]
    with pytest.raises(KeyError):
        group.get_child_by_label("b")
    assert (group.has_task(a), list(group), list(group.children)) == (True, [a], ["g.a", "g.inner"])
    assert group.hierarchical_alphabetical_sort() == [inner, a]
    assert dag.task_group_dict == {"g": group, "g.inner": inner}
    assert (dag.has_task_group("g.inner"), dag.has_task_group("inner")) == (True, False)


def test_a_task_joins_one_group_only() -> None:
    with DAG("d") as dag:
        a = empty("a")
        one, two = TaskGroup("one"), TaskGroup("two")
    one.add(a)
    assert (a.task_group, a.task_id, "a" in dag.task_group.children) == (one, "a", False)
    one.add(a)
    with pytest.raises(
        TaskAlreadyInTaskGroup, match="'a' belongs to task group 'one' already and cannot join .* 'two'"
    ):
        two.add(a)
    with pytest.raises(TaskAlreadyInTaskGroup):
        one.add(two)


def test_a_value_that_cannot_be_is_refused() -> None:
    with DAG("d"):
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"default_args": [1]}, "default_args of task group 'g0' must be a dict"),
            ({"tooltip": 5}, "tooltip of task group 'g1' must be a string"),
            ({"prefix_group_id": "no"}, "prefix_group_id of task group 'g2' must be True or False"),
            ({"ui_color": "x" * 51}, "at most 50 are allowed"),
            ({"parent_group": "x"}, "parent_group of task group 'g4' must be a TaskGroup"),
        ]
        for number, (arguments, words) in enumerate(wrong):
            with pytest.raises(DagAuthoringError, match=words):
                TaskGroup(f"g{number}", **arguments)


@task
def number(value: int = 0) -> int:
    return value


def test_a_decorated_function_makes_a_group_of_its_name_at_each_call() -> None:
    @task_group
    def section(value: int) -> None:
        """What it is for."""
        number(value)

    with DAG("d") as dag:
        first, second = section(1), section(2)
        first >> second
    assert dag.task_ids == ["section.number", "section__1.number"]
    assert (first.tooltip, second.group_id) == ("What it is for.", "section__1")
    assert edges(dag) == {("section.number", "section__1.number")}


def test_what_the_function_returns_is_what_arrows_and_arguments_reach() -> None:
    @task_group(group_id="g", default_args={"retries": 2}, tooltip="words")
    def section(value: XComArg) -> XComArg:
        return number(number(value))

    with DAG("d") as dag:
        result = section(number(1))
        number(result) >> empty("z")
    assert isinstance(result, XComArg)
    assert result.operator.task_id == "g.number__1"
    assert dag.get_task("g.number").retries == 2
    assert edges(dag) == {
        ("number", "g.number"),
        ("g.number", "g.number__1"),
        ("g.number__1", "number__1"),
        ("number__1", "z"),
    }


def test_a_decorated_group_is_overridden_and_refuses_what_it_does_not_know() -> None:
    @task_group("named")
    def section() -> None:
        empty("a")

    with DAG("d") as dag:
        section.override(group_id="other", prefix_group_id=False)()
        section()
        with pytest.raises(DagAuthoringError, match=r"section\(\) cannot be called like this: too many positional"):
            section(5)
    assert list(dag.task_group_dict) == ["other", "named"]
    assert dag.task_ids == ["a", "named.a"]
    with pytest.raises(UnknownArgumentError, match="'tool_tip'. Did you mean 'tooltip'"):
        task_group(tool_tip="x")(section.function)
    with pytest.raises(DagAuthoringError, match="decorates a function, not 5"):
        task_group(group_id="g")(5)  # type: ignore[arg-type]  # wrong on purpose
    for call in (section.expand, section.partial):
        with pytest.raises(UnsupportedFeatureError, match="mapped task groups"):
            call(x=[1])


def test_a_task_function_in_a_group_is_numbered_there() -> None:
    with DAG("d") as dag:
        number()
        with TaskGroup("g"):
            number()
            number()
        number()
    assert dag.task_ids == ["number", "g.number", "g.number__1", "number__1"]


def test_an_error_in_a_group_closes_it() -> None:
    with DAG("d"), pytest.raises(ZeroDivisionError), TaskGroup("g"):
        1 / 0  # noqa: B018 - the error
    with DAG("e"):
        assert empty("a").task_id == "a"

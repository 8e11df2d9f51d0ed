"""Rules of arrows, labels and chains."""

from collections.abc import Callable

import pytest

from tradewind.sdk import DAG, Label, chain, chain_linear, cross_downstream, task
from tradewind.sdk.exceptions import DagAuthoringError, UnsupportedFeatureError
from tradewind.sdk.standard.operators.empty import EmptyOperator


def tasks(names: str) -> list[EmptyOperator]:
    return [EmptyOperator(task_id=name) for name in names]


def edges(dag: DAG) -> set[str]:
    found = {f"{one.task_id}{other}" for one in dag.tasks for other in one.downstream_task_ids}
    assert found == {f"{other}{one.task_id}" for one in dag.tasks for other in one.upstream_task_ids}
    return found


def test_arrows_lead_from_left_to_right_and_back() -> None:
    with DAG("d") as dag:
        a, b, c = tasks("abc")
        a >> b
        c << b
    assert edges(dag) == {"ab", "bc"}


def test_arrows_take_lists_on_both_sides() -> None:
    with DAG("d") as dag:
        a, b, c, d = tasks("abcd")
        a >> [b, c] >> d
    assert edges(dag) == {"ab", "ac", "bd", "cd"}
    with DAG("d") as dag:
        a, b, c, d = tasks("abcd")
        a << [b, c] << d
    assert edges(dag) == {"ba", "ca", "db", "dc"}


def test_set_upstream_and_downstream_take_one_or_several() -> None:
    with DAG("d") as dag:
        a, b, c, d = tasks("abcd")
        a.set_downstream(b)
        a.set_downstream([c, d])
        d.set_upstream([b, c])
    assert edges(dag) == {"ab", "ac", "ad", "bd", "cd"}


def test_results_stand_in_arrows() -> None:
    @task
    def f() -> None: ...

    with DAG("d") as dag:
        (b,) = tasks("b")
        result = f.override(task_id="f")()
        result >> b
        b >> f.override(task_id="g")()
        [f.override(task_id="h")(), f.override(task_id="i")()] >> result
    assert edges(dag) == {"fb", "bg", "hf", "if"}


def test_tasks_without_a_dag_join_the_other_ones() -> None:
    dag = DAG("d")
    a = EmptyOperator(task_id="a", dag=dag)
    b, c = tasks("bc")
    a >> [b, c]
    assert dag.task_ids == ["a", "b", "c"]


def test_a_dependency_needs_a_dag() -> None:
    a, b = tasks("ab")
    with pytest.raises(DagAuthoringError, match="A dependency needs a DAG: none of the tasks a, b has one"):
        a >> b


def test_a_dependency_cannot_lead_to_another_dag() -> None:
    a, b = EmptyOperator(task_id="a", dag=DAG("one")), EmptyOperator(task_id="b", dag=DAG("two"))
    with pytest.raises(DagAuthoringError, match="from one DAG to another: tasks a, b belong to one, two"):
        a >> b


def test_a_dependency_on_something_else_is_refused() -> None:
    @task
    def f() -> None: ...

    with DAG("d"):
        (a,) = tasks("a")
        with pytest.raises(DagAuthoringError, match="'b' is of type str"):
            a >> "b"  # type: ignore[type-var]  # wrong on purpose
        with pytest.raises(DagAuthoringError, match="Call it to make a task"):
            a >> f  # type: ignore[type-var]  # wrong on purpose
        with pytest.raises(DagAuthoringError, match="None is of type NoneType"):
            a >> [None]  # type: ignore[type-var]  # wrong on purpose


def test_a_label_stands_on_every_edge_between_its_sides() -> None:
    with DAG("d") as dag:
        a, b, c, d = tasks("abcd")
        [a, b] >> Label("late") >> [c, d]
    assert edges(dag) == {"ac", "ad", "bc", "bd"}
    assert {dag.get_edge_info(*pair)["label"] for pair in ("ac", "ad", "bc", "bd")} == {"late"}
    with DAG("d") as dag:
        a, b, c = tasks("abc")
        c << Label("back") << b >> a
    assert edges(dag) == {"bc", "ba"}
    assert dag.get_edge_info("b", "c") == {"label": "back"}
    assert dag.get_edge_info("b", "a") == {}


def test_a_label_needs_words_and_tasks() -> None:
    with pytest.raises(DagAuthoringError, match="1 to 500 characters"):
        Label("")
    with DAG("d"):
        (a,) = tasks("a")
        with pytest.raises(DagAuthoringError, match="A label cannot follow a label"):
            a >> Label("one") >> Label("two")


def test_chain_pairs_neighbouring_lists() -> None:
    with DAG("d") as dag:
        a, b, c, d, e, f = tasks("abcdef")
        chain(a, [b, c], [d, e], f)
    assert edges(dag) == {"ab", "ac", "bd", "ce", "df", "ef"}


def test_chain_takes_labels() -> None:
    with DAG("d") as dag:
        a, b, c, d, e = tasks("abcde")
        chain(a, [Label("x"), Label("y")], [b, c], d)
        chain(d, Label("z"), e)
    assert edges(dag) == {"ab", "ac", "bd", "cd", "de"}
    assert [dag.get_edge_info(*pair)["label"] for pair in ("ab", "ac", "de")] == ["x", "y", "z"]


def test_chain_refuses_lists_of_different_length() -> None:
    with DAG("d"):
        a, b, c = tasks("abc")
        with pytest.raises(DagAuthoringError, match="different length, 2 and 1"):
            chain([a, b], [c])


def test_chain_linear_crosses_lists() -> None:
    with DAG("d") as dag:
        a, b, c, d, e = tasks("abcde")
        chain_linear(a, [b, c], [d, e])
    assert edges(dag) == {"ab", "ac", "bd", "be", "cd", "ce"}
    with pytest.raises(DagAuthoringError, match=r"put `\*` before a list"):
        chain_linear([a, b])


def test_cross_downstream_connects_each_with_each() -> None:
    with DAG("d") as dag:
        a, b, c, d = tasks("abcd")
        cross_downstream([a, b], [c, d])
    assert edges(dag) == {"ac", "ad", "bc", "bd"}


def test_a_result_cannot_be_unpacked_looped_over_or_mapped() -> None:
    with DAG("d"):
        (a,) = tasks("a")
    uses: list[Callable[[], object]] = [lambda: list(a.output), lambda: "x" in a.output]
    uses.append(lambda: a.output[0])  # type: ignore[index]  # wrong on purpose
    for use in uses:
        with pytest.raises(DagAuthoringError, match="The result of task 'a'"):
            use()
    uses = [lambda: a.output.map(str), lambda: a.output.zip(a.output), lambda: a.output.concat(a.output)]
    for later in uses:
        with pytest.raises(UnsupportedFeatureError, match="mapped tasks"):
            later()

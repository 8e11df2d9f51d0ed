"""Rules of setup and teardown tasks."""

from collections.abc import Callable

import pytest

from tradewind.sdk import DAG, TaskGroup, setup, task, task_group, teardown
from tradewind.sdk.authoring.setup_teardown import context_wrapper
from tradewind.sdk.exceptions import DagAuthoringError
from tradewind.sdk.standard.operators.empty import EmptyOperator


def tasks(names: str) -> list[EmptyOperator]:
    return [EmptyOperator(task_id=name) for name in names]


def edges(dag: DAG) -> set[str]:
    return {f"{one.task_id}{other}" for one in dag.tasks for other in one.downstream_task_ids}


def test_a_teardown_comes_after_its_setups_and_has_a_trigger_rule_of_its_own() -> None:
    with DAG("d") as dag:
        s, r, w, t = tasks("srwt")
        s >> w >> t.as_teardown(setups=[s, r], on_failure_fail_dagrun=True)
    assert edges(dag) == {"sw", "wt", "st", "rt"}
    assert (s.is_setup, r.is_setup, w.is_setup, t.is_setup) == (True, True, False, False)
    assert (t.is_teardown, t.on_failure_fail_dagrun, str(t.trigger_rule)) == (True, True, "all_done_setup_success")


def test_a_task_is_setup_or_teardown() -> None:
    with DAG("d"):
        s, t = tasks("st")
    s.as_setup()
    with pytest.raises(DagAuthoringError, match="Cannot mark task 's' as teardown; it is a setup task already"):
        s.as_teardown()
    t.as_teardown()
    with pytest.raises(DagAuthoringError, match="Cannot mark task 't' as setup; it is a teardown task already"):
        t.is_setup = True
    with pytest.raises(DagAuthoringError, match="on_failure_fail_dagrun cannot be set for task 's': it is no teardown"):
        s.on_failure_fail_dagrun = True


def test_a_result_stands_for_its_task() -> None:
    @task
    def f() -> None: ...

    with DAG("d") as dag:
        s, t = f(), f.override(task_id="t")()
        assert s.as_setup() is s
        assert t.as_teardown(setups=s) is t
    assert (s.is_setup, t.is_teardown, t.on_failure_fail_dagrun) == (True, True, False)
    assert edges(dag) == {"ft"}


def test_what_follows_a_setup_has_the_usual_trigger_rule() -> None:
    with DAG("d") as dag:
        s, w = tasks("sw")
        s.as_setup() >> w
        w.trigger_rule = "all_done"
    with pytest.raises(
        DagAuthoringError, match="Task 'w' of DAG 'd' comes right after the setup task 's' and has .*all_"
    ):
        dag.check()


def test_decorators_make_setup_and_teardown_tasks_of_functions() -> None:
    @setup
    def s() -> int:
        return 1

    @teardown
    def t(number: int) -> None: ...

    @teardown(on_failure_fail_dagrun=True)
    @task(retries=3)
    def u(number: int) -> None: ...

    with DAG("d") as dag:
        number = s()
        t(number)
        u.override(task_id="v")(number)
        u.override(task_id="w", on_failure_fail_dagrun=False)(number)
    roles = {one.task_id: (one.is_setup, one.is_teardown, one.on_failure_fail_dagrun) for one in dag.tasks}
    assert roles == {
        "s": (True, False, False),
        "t": (False, True, False),
        "v": (False, True, True),
        "w": (False, True, False),
    }
    assert (dag.get_task("v").retries, str(dag.get_task("v").trigger_rule)) == (3, "all_done_setup_success")


def test_the_trigger_rule_of_a_decorated_teardown_cannot_be_chosen() -> None:
    @teardown
    @task(trigger_rule="all_done")
    def t() -> None: ...

    with DAG("d"), pytest.raises(DagAuthoringError, match="The trigger rule of the teardown task 't' cannot be chosen"):
        t()


@pytest.mark.parametrize("role", [setup, teardown, teardown()])
def test_a_task_group_is_neither(role: Callable[..., object]) -> None:
    @task_group
    def group() -> None: ...

    with pytest.raises(DagAuthoringError, match="Task groups cannot be marked as setup or teardown"):
        role(group)


def test_work_in_a_block_stands_between_setup_and_teardown() -> None:
    with DAG("d") as dag:
        s, t = tasks("st")
        with s >> t.as_teardown(setups=s):
            a, b, _ = tasks("abc")
            a >> b
    assert edges(dag) == {"st", "sa", "sc", "ab", "bt", "ct"}


def test_a_block_of_a_setup_finds_its_teardowns_downstream() -> None:
    with DAG("d") as dag:
        s, t = tasks("st")
        t.as_teardown(setups=s)
        with s:
            tasks("ab")
    assert edges(dag) == {"st", "sa", "sb", "at", "bt"}


def test_a_block_of_a_setup_without_a_teardown_only_leads_into_its_work() -> None:
    with DAG("d") as dag:
        (s,) = tasks("s")
        with s.as_setup():
            tasks("a")
    assert edges(dag) == {"sa"}


def test_work_that_waits_for_something_already_keeps_only_that() -> None:
    @task
    def f(x: object = None) -> None: ...

    with DAG("d") as dag:
        s, t, o = tasks("sto")
        with t.as_teardown(setups=s):
            a, b = tasks("ab")
            o >> a >> b
    assert edges(dag) == {"st", "oa", "sa", "ab", "bt"}


def test_inner_blocks_stand_inside_of_outer_ones() -> None:
    with DAG("d") as dag:
        s, t, r, u = tasks("stru")
        with s >> t.as_teardown(setups=s):
            tasks("a")
            with r >> u.as_teardown(setups=r):
                tasks("b")
            tasks("c")
    assert edges(dag) == {"st", "sa", "at", "sc", "ct", "ru", "rb", "bu", "sr", "ut"}


def test_an_inner_block_of_a_setup_alone_is_over_before_the_outer_teardown() -> None:
    with DAG("d") as dag:
        s, t, r = tasks("str")
        with s >> t.as_teardown(setups=s), r.as_setup():
            tasks("b")
    assert edges(dag) == {"st", "sr", "rb", "bt"}


def test_several_setups_or_teardowns_open_a_block_together() -> None:
    with DAG("d") as dag:
        s, r, t, u = tasks("srtu")
        with [s, r] >> t.as_teardown(setups=[s, r]):
            tasks("a")
        with context_wrapper([s, r]):
            tasks("b")
        with context_wrapper([u.as_teardown()]):
            tasks("c")
    assert edges(dag) == {"st", "rt", "sa", "ra", "at", "sb", "rb", "bt", "cu"}


def test_a_task_from_elsewhere_joins_a_block() -> None:
    @task
    def f() -> None: ...

    with DAG("d") as dag:
        s, t, a = tasks("sta")
        with t.as_teardown(setups=s) as scope:
            scope.add_task(a)
        result = f()
        with s as scope:
            scope.add_task(result)
    assert edges(dag) == {"st", "sa", "at", "sf", "ft"}
    with pytest.raises(DagAuthoringError, match="outside its `with` block"):
        scope.add_task(a)


def test_only_setup_or_teardown_tasks_open_a_block() -> None:
    with DAG("d"):
        s, t, a = tasks("sta")
        s.as_setup()
        t.as_teardown()
        with pytest.raises(
            DagAuthoringError, match="Only setup/teardown tasks can be used as context managers; 'a' is"
        ):
            a.__enter__()
        with pytest.raises(DagAuthoringError, match="'a' is none"):
            context_wrapper([s, a]).__enter__()
        with pytest.raises(DagAuthoringError, match="must be setup tasks, or all teardown tasks"):
            context_wrapper([s, t]).__enter__()
        with pytest.raises(DagAuthoringError, match="nothing is none"):
            context_wrapper([]).__enter__()


def test_an_error_in_a_block_closes_it() -> None:
    with DAG("d") as dag:
        s, t = tasks("st")
        with pytest.raises(ZeroDivisionError), t.as_teardown(setups=s):
            1 / 0  # noqa: B018 - the error
        tasks("a")
    assert edges(dag) == {"st"}


def test_setups_in_a_group_belong_to_the_group() -> None:
    @setup
    def s() -> None: ...

    @teardown
    def t() -> None: ...

    with DAG("d") as dag, TaskGroup("g"), s() >> t():
        tasks("a")
    assert edges(dag) == {"g.sg.t", "g.sg.a", "g.ag.t"}

import pytest

from tradewind.server.contract import Grants, Isolation, OnCut, SerializedDag, SerializedTask, TriggerRule
from tradewind.server.domain.grants import (
    GrantVerdict,
    Mode,
    effective_grants,
    is_exact,
    matches,
    patterns_of,
    use_verdict,
)


def dag(of_dag: Grants | None, of_task: Grants | None) -> SerializedDag:
    task = SerializedTask(
        task_id="a",
        operator="EmptyOperator",
        operator_module="tradewind.sdk.standard.operators.empty",
        upstream=[],
        trigger_rule=TriggerRule.ALL_SUCCESS,
        retries=0,
        retry_delay_seconds=300.0,
        queue="default",
        isolation=Isolation.FORK,
        on_cut=OnCut.CONTINUE,
        owner="tradewind",
        grants=of_task,
    )
    return SerializedDag(dag_id="d", tags=[], max_active_runs=16, tasks=[task], grants=of_dag)


def test_a_task_has_what_its_dag_and_itself_declare() -> None:
    of_dag = Grants(connections=["warehouse", "lake_*"], variables=[])
    of_task = Grants(connections=["warehouse"], variables=["key"])
    assert effective_grants(dag(of_dag, of_task), "a") == Grants(connections=["lake_*", "warehouse"], variables=["key"])


def test_writes_and_other_dags_are_declared_apart_from_reads() -> None:
    of_dag = Grants(connections=[], variables=["a"], write_variables=["b"], read_dags=["x"])
    of_task = Grants(connections=[], variables=[], write_variables=["b", "a"], trigger_dags=["y*"])
    found = effective_grants(dag(of_dag, of_task), "a")
    assert found == Grants(
        connections=[], variables=["a"], write_variables=["a", "b"], read_dags=["x"], trigger_dags=["y*"]
    )
    assert patterns_of(found, ("read_dags", "trigger_dags")) == ["x", "y*"]
    assert patterns_of(Grants(connections=[], variables=[]), ("read_dags", "write_variables")) == []


def test_a_task_without_declarations_has_no_grants() -> None:
    assert effective_grants(dag(None, None), "a") == Grants(connections=[], variables=[])


def test_grants_of_an_unknown_task_are_refused() -> None:
    with pytest.raises(KeyError, match="b"):
        effective_grants(dag(None, None), "b")


@pytest.mark.parametrize(
    ("pattern", "name", "meant"),
    [
        ("lake", "lake", True),
        ("lake", "lake_1", False),
        ("lake_*", "lake_1", True),
        ("lake_*", "lake_", True),
        ("lake_*", "lak", False),
        ("*", "anything", True),
        ("a*b", "a*b", True),
        ("a*b", "axb", False),
        ("a.c", "abc", False),
    ],
)
def test_a_pattern_is_an_exact_name_or_a_prefix(pattern: str, name: str, meant: bool) -> None:
    assert matches(pattern, name) is meant


def test_only_exact_names_can_be_pushed() -> None:
    assert is_exact("lake")
    assert not is_exact("lake_*")


@pytest.mark.parametrize("mode", ["deny", "audit", "allow"])
def test_what_is_declared_is_allowed_in_every_mode(mode: Mode) -> None:
    assert use_verdict(mode, ["other", "lake_*"], "lake_1") is GrantVerdict.ALLOW


@pytest.mark.parametrize("mode", ["deny", "audit", "allow"])
def test_the_mode_decides_about_what_is_not_declared(mode: Mode) -> None:
    assert use_verdict(mode, ["other"], "lake_1") is GrantVerdict(mode)

import hashlib

import pytest

from tradewind.server.contract import Isolation, OnCut, SerializedDag, SerializedTask, TriggerRule
from tradewind.server.domain.versions import code_id, digest_of, structure_hash


def dag(*, line: int = 3, doc_md: str | None = None, retries: int = 0, task_doc: str | None = None) -> SerializedDag:
    task = SerializedTask(
        task_id="a",
        operator="EmptyOperator",
        operator_module="tradewind.sdk.standard.operators.empty",
        upstream=[],
        trigger_rule=TriggerRule.ALL_SUCCESS,
        retries=retries,
        retry_delay_seconds=300.0,
        queue="default",
        isolation=Isolation.FORK,
        on_cut=OnCut.CONTINUE,
        owner="tradewind",
        doc_md=task_doc,
    )
    return SerializedDag(dag_id="d", tags=["x"], line=line, doc_md=doc_md, max_active_runs=16, tasks=[task])


def test_line_and_documentation_are_no_part_of_the_structure() -> None:
    assert structure_hash(dag()) == structure_hash(dag(line=99, doc_md="# words", task_doc="more"))


def test_a_changed_task_is_another_structure() -> None:
    assert structure_hash(dag()) != structure_hash(dag(retries=1))


def test_the_code_id_is_the_digest_of_the_sorted_lines() -> None:
    text = b"a.py\x00" + b"1" * 64 + b"\n" + b"b/\xc3\xa9.py\x00" + b"2" * 64 + b"\n"
    assert code_id({"b/é.py": "2" * 64, "a.py": "1" * 64}) == hashlib.sha256(text).hexdigest()


def test_the_digest_of_a_value_does_not_depend_on_the_order_of_keys() -> None:
    assert digest_of({"b": [1, {"d": None, "c": "é"}], "a": 1.5}) == digest_of(
        {"a": 1.5, "b": [1, {"c": "é", "d": None}]}
    )


def test_a_number_that_json_lacks_has_no_digest() -> None:
    with pytest.raises(ValueError, match="JSON"):
        digest_of({"x": float("nan")})

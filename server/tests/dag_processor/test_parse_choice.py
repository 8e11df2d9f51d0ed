from typing import Any

import pytest

from tradewind.server.dag_processor.parse_choice import files_to_parse
from tradewind.server.store.rows import DagFileRow

DIGESTS = {"dag.py": "d1", "module.py": "m1", "new.py": "n1"}


def row(**changes: Any) -> DagFileRow:
    parsed: dict[str, Any] = {
        "bundle": "dags",
        "file": "dag.py",
        "file_digest": "d1",
        "snapshot": "s",
        "code_id": "c",
        "files_read": {"dag.py": "d1", "module.py": "m1"},
        "parse_id": None,
        "parse_state": "none",
        "parse_snapshot": None,
        "has_error": False,
        "parsed_at": None,
    }
    return DagFileRow(**{**parsed, **changes})


def chosen(known: DagFileRow, *, snapshot_changed: bool = True) -> bool:
    return files_to_parse(DIGESTS, ["dag.py"], [known], snapshot="s2", snapshot_changed=snapshot_changed) == ["dag.py"]


def test_a_file_that_was_never_parsed_is_chosen() -> None:
    assert files_to_parse(DIGESTS, ["new.py"], [row()], snapshot="s2", snapshot_changed=False) == ["new.py"]


def test_a_file_whose_parse_speaks_for_the_bundle_is_not_chosen() -> None:
    assert not chosen(row())


@pytest.mark.parametrize(
    "changes",
    [
        {"file_digest": "d0"},
        {"file_digest": None, "files_read": {}},
        {"files_read": {"dag.py": "d1", "module.py": "m0"}},
        {"files_read": {"dag.py": "d1", "vanished.py": "v1"}},
    ],
    ids=["file changed", "never parsed", "module changed", "module vanished"],
)
@pytest.mark.parametrize("snapshot_changed", [True, False])
def test_a_file_is_chosen_when_what_it_read_is_not_what_is_there(
    changes: dict[str, Any], snapshot_changed: bool
) -> None:
    assert chosen(row(**changes), snapshot_changed=snapshot_changed)


def test_a_file_with_an_import_error_is_chosen_when_anything_changed() -> None:
    assert chosen(row(has_error=True), snapshot_changed=True)
    assert not chosen(row(has_error=True), snapshot_changed=False)


@pytest.mark.parametrize("snapshot_changed", [True, False])
def test_a_parse_of_this_snapshot_that_has_not_ended_is_not_asked_for_again(snapshot_changed: bool) -> None:
    pending = {"file_digest": "d0", "parse_id": "p", "parse_state": "queued"}
    assert not chosen(row(**pending, parse_snapshot="s2"), snapshot_changed=snapshot_changed)
    assert chosen(row(**pending, parse_snapshot="s1"), snapshot_changed=snapshot_changed)


def test_files_that_declare_no_dags_are_not_chosen() -> None:
    assert files_to_parse(DIGESTS, [], [], snapshot="s2", snapshot_changed=True) == []

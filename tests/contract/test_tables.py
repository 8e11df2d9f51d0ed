"""The tables that both distributions carry say what `schemas/head` says."""

from typing import Any

import pydantic
import pytest

from tests.contract.golden import HEAD
from tools.contract.json_files import load
from tradewind.sdk import contract as sdk
from tradewind.server import contract as server

ROWS: dict[str, dict[str, Any]] = {row["id"]: row for row in load(HEAD / "operations.json")["operations"]}
MACHINES: dict[str, dict[str, Any]] = load(HEAD / "states.json")["machines"]

each_distribution = pytest.mark.parametrize("distribution", [server, sdk], ids=["server", "sdk"])


def test_both_distributions_speak_the_same_version() -> None:
    document = load(HEAD / "version.json")
    assert (server.VERSION, server.RELEASED) == (sdk.VERSION, sdk.RELEASED)
    assert (document["version"], document["released"]) == (server.VERSION, server.RELEASED)


@each_distribution
def test_operations_are_the_rows_of_the_contract(distribution: Any) -> None:
    plain = ("id", "summary", "method", "path", "caller", "from_task", "status")
    assert list(distribution.OPERATIONS) == list(ROWS)
    for name, row in ROWS.items():
        operation = distribution.OPERATIONS[name]
        assert {key: getattr(operation, key) for key in plain} == {key: row[key] for key in plain}
        assert [str(reason) for reason in operation.refusals] == row["refusals"]
        assert [(entry.name, entry.location, entry.required) for entry in operation.parameters] == [
            (entry["name"], entry["in"], entry["required"]) for entry in row["parameters"]
        ]
        assert operation.stream == ("stream" in row.get("response", {}))


@each_distribution
@pytest.mark.parametrize("direction", ["request", "response"])
def test_bodies_are_the_types_and_media_of_the_contract(distribution: Any, direction: str) -> None:
    for name, row in ROWS.items():
        operation, body = distribution.OPERATIONS[name], row.get(direction, {})
        expected = getattr(distribution, body["type"]) if "type" in body else None
        media = "application/json" if "type" in body else body.get("media")
        assert (getattr(operation, direction), getattr(operation, f"{direction}_media")) == (expected, media)


@each_distribution
@pytest.mark.parametrize("machine", MACHINES)
def test_state_tables_are_the_rows_of_the_contract(distribution: Any, machine: str) -> None:
    table, upper = MACHINES[machine], machine.upper()
    transitions = getattr(distribution, f"{upper}_TRANSITIONS")
    assert {(str(state), str(event)): str(to) for (state, event), to in transitions.items()} == {
        (row["from"], row["event"]): row["to"] for row in table["transitions"]
    }
    assert getattr(distribution, f"{upper}_INITIAL") == table["initial"]
    assert getattr(distribution, f"{upper}_FINAL") == set(table["final"])


@pytest.mark.parametrize(
    ("operation", "name", "text", "value"),
    [
        ("put_log_segment", "sequence", "17", 17),
        ("put_log_segment", "dispatch_id", "018f9c1e-7a00-7000-8000-000000000001", None),
        ("get_xcom", "map_index", "-1", -1),
        ("get_xcom", "task_id", "load", "load"),
    ],
)
def test_a_parameter_is_read_from_its_text(operation: str, name: str, text: str, value: object) -> None:
    assert server.decode_text(parameter_type(operation, name), text) == (text if value is None else value)


@pytest.mark.parametrize(
    ("operation", "name", "text"),
    [
        ("put_log_segment", "sequence", "-1"),
        ("put_log_segment", "sequence", "one"),
        ("put_log_segment", "dispatch_id", "17"),
        ("get_xcom", "map_index", "-2"),
        ("get_xcom", "task_id", "no spaces"),
    ],
)
def test_a_parameter_outside_its_bounds_is_refused(operation: str, name: str, text: str) -> None:
    with pytest.raises(pydantic.ValidationError):
        server.decode_text(parameter_type(operation, name), text)


def parameter_type(operation: str, name: str) -> Any:
    return next(entry.type for entry in server.OPERATIONS[operation].parameters if entry.name == name)

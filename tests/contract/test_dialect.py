"""Whatever is outside the dialect is refused with file, place and reason; the generators never guess."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.small_contract import documents, write
from tools.contract.tables import read_contract

Change = Callable[[dict[str, Any]], Any]

LEAF = "/$defs/Leaf/properties"

# name: (how the types are changed, where the fault is, what is said about it)
TYPE_FAULTS: dict[str, tuple[Change, str, str]] = {
    "an unknown keyword": (lambda d: d["Label"].update(contentEncoding="x"), "/$defs/Label", "'contentEncoding'"),
    "anyOf": (lambda d: d.update(X={"description": "x", "anyOf": []}), "/$defs/X", "must be a $ref or have the type"),
    "allOf": (lambda d: d["Leaf"].update(allOf=[]), "/$defs/Leaf", "'allOf'"),
    "oneOf without a discriminator": (lambda d: d["Node"].pop("discriminator"), "/$defs/Node", "discriminator"),
    "a union inside a property": (
        lambda d: d["Leaf"]["properties"].update(x={"oneOf": []}),
        f"{LEAF}/x",
        "must be a $ref or have the type",
    ),
    "a variant without a const": (
        lambda d: d["Leaf"]["properties"].update(kind={"type": "string"}),
        "/$defs/Node",
        "Leaf is no object whose required property 'kind' is a const",
    ),
    "a variant that is no object": (
        lambda d: d["Node"]["oneOf"].append({"$ref": "#/$defs/Label"}),
        "/$defs/Node",
        "Label",
    ),
    "two variants with one tag": (
        lambda d: d["Branch"]["properties"].update(kind={"const": "leaf"}),
        "/$defs/Node",
        "two variants have the tag 'leaf'",
    ),
    "an optional tag": (lambda d: d["Leaf"]["required"].remove("kind"), f"{LEAF}/kind", "const is a required"),
    "a tag that is no string": (lambda d: d["Leaf"]["properties"].update(kind={"const": 1}), f"{LEAF}/kind", "const"),
    "two tags": (
        lambda d: (d["Leaf"]["properties"].update(sort={"const": "x"}), d["Leaf"]["required"].append("sort")),
        f"{LEAF}/sort",
        "at most one",
    ),
    "null": (lambda d: d["Leaf"]["properties"].update(x={"type": "null"}), f"{LEAF}/x", "must be a $ref or have"),
    "several types": (
        lambda d: d["Leaf"]["properties"].update(x={"type": ["string", "null"]}),
        f"{LEAF}/x",
        "must be a $ref or have the type",
    ),
    "an open object": (lambda d: d["Leaf"].pop("additionalProperties"), "/$defs/Leaf", '"additionalProperties": false'),
    "an object inside a property": (
        lambda d: d["Leaf"]["properties"].update(x={"type": "object", "properties": {}, "additionalProperties": False}),
        f"{LEAF}/x",
        "'properties'",
    ),
    "a map of anything": (
        lambda d: d["Leaf"]["properties"].update(x={"type": "object", "additionalProperties": True}),
        f"{LEAF}/x/additionalProperties",
        "must be a $ref or have",
    ),
    "an array of anything": (lambda d: d["Leaf"]["properties"].update(x={"type": "array"}), f"{LEAF}/x/items", "$ref"),
    "a tuple": (
        lambda d: d["Leaf"]["properties"].update(x={"type": "array", "prefixItems": []}),
        f"{LEAF}/x",
        "'prefixItems'",
    ),
    "an enumeration inside a property": (
        lambda d: d["Leaf"]["properties"].update(x={"type": "string", "enum": ["a"]}),
        f"{LEAF}/x",
        "'enum'",
    ),
    "an enumeration of numbers": (lambda d: d["Color"].update(enum=[1]), "/$defs/Color", "snake_case"),
    "a word twice": (lambda d: d["Color"].update(enum=["red", "red"]), "/$defs/Color", "twice"),
    "a word in capitals": (lambda d: d["Color"].update(enum=["Red"]), "/$defs/Color", "snake_case"),
    "an unknown format": (
        lambda d: d["Leaf"]["properties"]["leaf_id"].update(format="email"),
        f"{LEAF}/leaf_id",
        "email",
    ),
    "a format with a pattern": (
        lambda d: d["Leaf"]["properties"]["leaf_id"].update(pattern="^a$"),
        f"{LEAF}/leaf_id",
        "stands alone",
    ),
    "a pattern that is not anchored": (lambda d: d["Label"].update(pattern="[a-z]+"), "/$defs/Label", "anchored"),
    "a pattern that depends on the language": (lambda d: d["Label"].update(pattern=r"^\w+$"), "/$defs/Label", r"\\w"),
    "a pattern that looks ahead": (
        lambda d: d["Label"].update(pattern="^(?=a)$"),
        "/$defs/Label",
        "different languages",
    ),
    "no regular expression": (lambda d: d["Label"].update(pattern="^[$"), "/$defs/Label", "not a regular expression"),
    "a bound of the wrong type": (
        lambda d: d["Leaf"]["properties"]["count"].update(minimum=0.5),
        f"{LEAF}/count",
        "0.5 is no bound",
    ),
    "a negative length": (lambda d: d["Label"].update(minLength=-1), "/$defs/Label", "minLength"),
    "a default of a required property": (
        lambda d: d["Leaf"]["properties"].update(label={"$ref": "#/$defs/Label", "default": "x"}),
        f"{LEAF}/label",
        "no default",
    ),
    "a default of another type": (
        lambda d: d["Leaf"]["properties"]["count"].update(default="3"),
        f"{LEAF}/count",
        "no value of the property's type",
    ),
    "a default that is no word of its enumeration": (
        lambda d: d["Leaf"]["properties"]["color"].update(default="green"),
        f"{LEAF}/color",
        "no value of the property's type",
    ),
    "a default that is a list": (
        lambda d: d["Branch"]["properties"]["children"].update(default=[]) or d["Branch"].update(required=["kind"]),
        "/$defs/Branch/properties/children",
        "a default is a string, number or boolean",
    ),
    "a reference to nothing": (
        lambda d: d["Leaf"]["properties"].update(x={"$ref": "#/$defs/Nothing"}),
        f"{LEAF}/x",
        "things.json defines no type Nothing",
    ),
    "a reference into another file that is not there": (
        lambda d: d["Leaf"]["properties"].update(x={"$ref": "other.json#/$defs/Leaf"}),
        f"{LEAF}/x",
        "other.json defines no type Leaf",
    ),
    "a reference by address": (
        lambda d: d["Leaf"]["properties"].update(x={"$ref": "https://example.org/x.json"}),
        f"{LEAF}/x",
        "a $ref is",
    ),
    "a reference with bounds beside it": (
        lambda d: d["Leaf"]["properties"]["label"].update(maxLength=3),
        f"{LEAF}/label",
        "'maxLength'",
    ),
    "a definition that is only a reference": (
        lambda d: d.update(X={"$ref": "#/$defs/Leaf", "description": "x"}),
        "/$defs/X",
        "only a reference",
    ),
    "a type without a description": (lambda d: d["Leaf"].pop("description"), "/$defs/Leaf", "needs a description"),
    "a type in lower case": (lambda d: d.update(leaf={"description": "x"}), "/$defs/leaf", "PascalCase"),
    "a property in camel case": (
        lambda d: d["Leaf"]["properties"].update(dagId={"type": "string"}),
        f"{LEAF}/dagId",
        "snake_case",
    ),
    "a property that Python can not name": (
        lambda d: d["Leaf"]["properties"].update({"from": {"type": "string"}}),
        f"{LEAF}/from",
        "no keyword of Python",
    ),
    "a property that hides a method of the models": (
        lambda d: d["Leaf"]["properties"].update(schema={"type": "string"}),
        f"{LEAF}/schema",
        "no attribute of its models",
    ),
    "a required property that is not there": (
        lambda d: d["Leaf"]["required"].append("x"),
        "/$defs/Leaf",
        "'x' is not among",
    ),
    "a list that contains only itself": (
        lambda d: d.update(X={"type": "array", "description": "x", "items": {"$ref": "#/$defs/X"}}),
        "",
        "contain only each other: X",
    ),
}


@pytest.mark.parametrize("fault", TYPE_FAULTS)
def test_a_type_outside_the_dialect_is_refused_with_place_and_reason(fault: str, tmp_path: Path) -> None:
    change, pointer, reason = TYPE_FAULTS[fault]
    files = documents()
    change(files["things.json"]["$defs"])
    with pytest.raises(ExceptionGroup) as caught:
        read_contract(write(tmp_path, files))
    said = [str(error) for error in caught.value.exceptions]
    place = f"things.json#{pointer}: " if pointer else "*.json#: "
    assert any(line.startswith(place) and reason in line for line in said), said


def operation(change: Change) -> Change:
    return lambda files: change(files["operations.json"]["operations"][0])


def lamp(change: Change) -> Change:
    return lambda files: change(files["states.json"]["machines"]["lamp"])


TABLE_FAULTS: dict[str, tuple[Change, str]] = {
    "an unknown column": (operation(lambda row: row.update(tags=[])), "'tags'"),
    "a missing column": (operation(lambda row: row.pop("status")), "status is missing"),
    "an unknown caller": (operation(lambda row: row.update(caller="god")), "caller one of"),
    "user code as a worker": (operation(lambda row: row.update(caller="worker")), "only an operation of an activity"),
    "a path parameter that is not declared": (
        operation(lambda row: row.update(path="/trees/{label}/{depth}")),
        "path parameters must be ['label', 'depth']",
    ),
    "an optional path parameter": (
        operation(lambda row: row["parameters"][0].update(required=False)),
        "a path parameter is required",
    ),
    "a type that does not exist": (operation(lambda row: row.update(request={"type": "Tree"})), "no type 'Tree'"),
    "two kinds of body": (operation(lambda row: row["request"].update(media="x/y")), "exactly one of"),
    "an unknown reason": (operation(lambda row: row.update(refusals=["because"])), "'because' is no ProblemReason"),
    "an operation twice": (
        lambda files: files["operations.json"]["operations"].append(files["operations.json"]["operations"][0]),
        "put_node occurs twice",
    ),
    "a state that the enumeration lacks": (lamp(lambda table: table["final"].append("gone")), "'gone' is no LampState"),
    "a state that nothing leads to": (
        lambda files: files["things.json"]["$defs"]["LampState"]["enum"].append("dim"),
        "nothing leads to state 'dim'",
    ),
    "a state without a way out": (lamp(lambda table: table.update(final=[])), "'broken' is not final"),
    "two answers to one event": (
        lamp(lambda table: table["transitions"].append({**table["transitions"][0], "to": "broken"})),
        "(dark, switch) occurs twice",
    ),
    "a table without an enumeration": (
        lambda files: files["states.json"]["machines"].update(door={"initial": "x", "final": [], "transitions": []}),
        "there is no enumeration DoorState",
    ),
    "a version that is no date": (lambda files: files["version.json"].update(version="v2"), "YYYY-MM-DD"),
    "an $id of another folder": (
        lambda files: files["things.json"].update({"$id": "https://tradewind.dev/schemas/2020-01-01/things.json"}),
        "$id must be",
    ),
    "one name in two files": (
        lambda files: files.update(
            {"more.json": {**files["things.json"], "$id": "https://tradewind.dev/schemas/head/more.json"}}
        ),
        "another file defines a type of this name",
    ),
}


@pytest.mark.parametrize("fault", TABLE_FAULTS)
def test_a_table_that_disagrees_with_the_types_is_refused_with_the_reason(fault: str, tmp_path: Path) -> None:
    change, reason = TABLE_FAULTS[fault]
    files = documents()
    change(files)
    with pytest.raises(ExceptionGroup) as caught:
        read_contract(write(tmp_path, files))
    said = [str(error) for error in caught.value.exceptions]
    assert any(reason in line for line in said), said


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    files = documents()
    files["things.json"]["$defs"]["Color"]["enum"] = []
    files["things.json"]["$defs"]["Label"]["pattern"] = "a"
    with pytest.raises(ExceptionGroup) as caught:
        read_contract(write(tmp_path, files))
    assert len(caught.value.exceptions) == 2


def test_a_name_that_occurs_twice_in_an_object_is_refused(tmp_path: Path) -> None:
    head = write(tmp_path, documents())
    (head / "version.json").write_text('{"version": "2030-01-31", "released": false, "released": true}')
    with pytest.raises(ValueError, match=r"version\.json: a name occurs twice"):
        read_contract(head)

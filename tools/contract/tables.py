"""Reads operations, state tables and the version of a folder, and checks them against the types."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tools.contract.contract_model import (
    Body,
    Contract,
    Definition,
    Enumeration,
    Machine,
    Operation,
    Parameter,
    Sequence,
    Transition,
    resolve,
)
from tools.contract.dialect import DialectError, Place, read_definitions, read_shape
from tools.contract.json_files import load

OPERATION_KEYS = {
    "id", "summary", "method", "path", "caller", "from_task", "parameters", "request", "response", "status", "refusals",
}  # fmt: skip
CALLERS = {"anyone", "worker", "activity"}
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


def read_contract(folder: Path) -> Contract:
    """Everything that a version folder says, checked.

    Raises:
        ExceptionGroup: of `DialectError`: each thing that is outside the dialect, with file, pointer and reason.
        ValueError: a file that is not JSON.
    """
    definitions = read_definitions(folder)
    names = {
        path.name: frozenset(load(path).get("$defs", {}))
        for path in folder.glob("*.json")
        if path.name != "version.json"
    }
    errors: list[DialectError] = []
    operations = _rows(Place("operations.json", "", names), folder, "operations", definitions, errors)
    machines = _machines(Place("states.json", "", names), folder, definitions, errors)
    version, released = _version(Place("version.json", "", names), folder, errors)
    if errors:
        raise ExceptionGroup("the contract is not in its dialect", errors)
    return Contract(version, released, definitions, operations, machines)


def _version(place: Place, folder: Path, errors: list[DialectError]) -> tuple[str, bool]:
    document = load(folder / place.file)
    version, released = document.get("version"), document.get("released")
    if set(document) != {"version", "released"} or not isinstance(released, bool):
        errors.append(place.refuse('holds "version" and "released" (a boolean)'))
    elif not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", str(version)):
        errors.append(place.at("version").refuse("a version is a date YYYY-MM-DD"))
    elif folder.name not in {"head", version}:
        errors.append(place.at("version").refuse(f"the folder is named {folder.name}"))
    return str(version), bool(released)


def _rows(
    place: Place, folder: Path, key: str, definitions: dict[str, Definition], errors: list[DialectError]
) -> tuple[Operation, ...]:
    document = load(folder / place.file)
    operations: list[Operation] = []
    seen: set[str] = set()
    try:
        place.only(document, {"description", key})
        rows = document[key]
    except (DialectError, KeyError) as error:
        errors.append(place.refuse(f"holds a description and a list of {key}: {error}"))
        return ()
    for index, row in enumerate(rows):
        inner = place.at(key, index)
        try:
            operation = _operation(row, inner, definitions)
            for identity in (operation.id, f"{operation.method} {operation.path}"):
                if identity in seen:
                    raise inner.refuse(f"{identity} occurs twice")
                seen.add(identity)
            operations.append(operation)
        except DialectError as error:
            errors.append(error)
    return tuple(operations)


def _operation(row: Any, place: Place, definitions: dict[str, Definition]) -> Operation:
    place.only(row, OPERATION_KEYS)
    if missing := sorted(OPERATION_KEYS - {"request", "response"} - set(row)):
        raise place.refuse(f"{missing[0]} is missing")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", row["id"]):
        raise place.at("id").refuse("an id is in snake_case")
    if row["method"] not in METHODS or row["caller"] not in CALLERS or not isinstance(row["from_task"], bool):
        raise place.refuse(f"method is one of {sorted(METHODS)}, caller one of {sorted(CALLERS)}, from_task a boolean")
    if row["from_task"] and row["caller"] != "activity":
        raise place.at("from_task").refuse("only an operation of an activity can be called by user code")
    parameters = tuple(
        _parameter(entry, place.at("parameters", index), definitions) for index, entry in enumerate(row["parameters"])
    )
    in_path = re.findall(r"\{([a-z0-9_]+)\}", row["path"])
    if in_path != [parameter.name for parameter in parameters if parameter.location == "path"]:
        raise place.at("parameters").refuse(f"path parameters must be {in_path} in this order, as the path has them")
    reasons = definitions.get("ProblemReason")
    known = reasons.values if isinstance(reasons, Enumeration) else ()
    if unknown := [reason for reason in row["refusals"] if reason not in known]:
        raise place.at("refusals").refuse(f"{unknown[0]!r} is no ProblemReason")
    if len(set(row["refusals"])) != len(row["refusals"]):
        raise place.at("refusals").refuse("a reason occurs twice")
    return Operation(
        **{key: row[key] for key in ("id", "summary", "method", "path", "caller", "from_task", "status")},
        parameters=parameters,
        request=_body(row.get("request"), place.at("request"), definitions),
        response=_body(row.get("response"), place.at("response"), definitions),
        refusals=tuple(row["refusals"]),
    )


def _parameter(entry: Any, place: Place, definitions: dict[str, Definition]) -> Parameter:
    place.only(entry, {"name", "in", "required", "schema"})
    if set(entry) != {"name", "in", "required", "schema"} or entry["in"] not in {"path", "query"}:
        raise place.refuse('needs name, "in": path or query, required and schema')
    if entry["in"] == "path" and entry["required"] is not True:
        raise place.refuse("a path parameter is required")
    shape = read_shape(entry["schema"], place.at("schema"))
    target = resolve(shape, definitions)
    if isinstance(target, Sequence):
        raise place.at("schema").refuse("a parameter is a scalar")
    return Parameter(entry["name"], entry["in"], entry["required"], shape)


def _body(body: Any, place: Place, definitions: dict[str, Definition]) -> Body | None:
    if body is None:
        return None
    place.only(body, {"type", "media", "stream"})
    if len(body) != 1:
        raise place.refuse("says exactly one of type, media and stream")
    if "type" in body and body["type"] not in definitions:
        raise place.refuse(f"no type {body['type']!r}")
    return Body(**body)


def _machines(
    place: Place, folder: Path, definitions: dict[str, Definition], errors: list[DialectError]
) -> tuple[Machine, ...]:
    document = load(folder / place.file)
    machines: list[Machine] = []
    try:
        place.only(document, {"description", "machines"})
        for name, table in document["machines"].items():
            machines.append(_machine(name, table, place.at("machines", name), definitions))
    except (DialectError, KeyError) as error:
        errors.append(error if isinstance(error, DialectError) else place.refuse(f"{error} is missing"))
    return tuple(machines)


def _machine(name: str, table: Any, place: Place, definitions: dict[str, Definition]) -> Machine:
    place.only(table, {"initial", "final", "transitions"})
    states_name = "".join(word.capitalize() for word in name.split("_")) + "State"
    states = definitions.get(states_name)
    if not isinstance(states, Enumeration):
        raise place.refuse(f"there is no enumeration {states_name} for this table")
    transitions: list[Transition] = []
    for index, row in enumerate(table["transitions"]):
        inner = place.at("transitions", index)
        if not isinstance(row, dict) or set(row) != {"from", "event", "to", "when"}:
            raise inner.refuse("holds from, event, to and when")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", row["event"]):
            raise inner.refuse("an event is in snake_case")
        if any((row["from"], row["event"]) == (earlier.source, earlier.event) for earlier in transitions):
            raise inner.refuse(f"({row['from']}, {row['event']}) occurs twice")
        transitions.append(Transition(row["from"], row["event"], row["to"], row["when"]))
    machine = Machine(name, states_name, table["initial"], tuple(table["final"]), tuple(transitions))
    _check_states(machine, states, place)
    return machine


def _check_states(machine: Machine, states: Enumeration, place: Place) -> None:
    sources = {transition.source for transition in machine.transitions}
    targets = {transition.target for transition in machine.transitions}
    named = sources | targets | set(machine.final) | {machine.initial}
    if unknown := sorted(named - set(states.values)):
        raise place.refuse(f"{unknown[0]!r} is no {states.name}")
    if missing := [value for value in states.values if value not in targets | {machine.initial}]:
        raise place.refuse(f"nothing leads to state {missing[0]!r}")
    if stuck := [value for value in states.values if value not in sources | set(machine.final)]:
        raise place.refuse(f"state {stuck[0]!r} is not final and nothing leads out of it")

"""Reads the examples of a version folder and says what they leave out.

Whether the values are what they claim to be is for the tests of each language to say; see `tests/contract`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.contract.contract_model import (
    Alias,
    Contract,
    Definition,
    Enumeration,
    Mapping,
    Record,
    Ref,
    Sequence,
    Shape,
    Union,
)
from tools.contract.json_files import load

REFUSERS = {"server", "client", "both"}


@dataclass(frozen=True)
class Example:
    """One value and what is to be made of it; `refused_by` is None for a valid one, else server, client or both."""

    type: str
    name: str
    value: Any
    refused_by: str | None
    because: str | None


def read_examples(folder: Path) -> list[Example]:
    """All examples of a version folder.

    Raises:
        ValueError: a file that is not as `schemas/README.md` says; names it and what is wrong.
    """
    return [example for path in sorted((folder / "examples").glob("*.json")) for example in _read(path)]


def faults(folder: Path, contract: Contract) -> list[str]:
    """What is wrong with the examples of a version folder, a sentence each."""
    try:
        examples = read_examples(folder)
    except ValueError as error:
        return [str(error)]
    found = [
        f"{entry.type}.json: there is no such type" for entry in examples if entry.type not in contract.definitions
    ]
    if found:
        return sorted(set(found))
    valid = {entry.type for entry in examples if entry.refused_by is None}
    invalid = {entry.type for entry in examples if entry.refused_by is not None}
    for name in sorted(_spoken(contract)):
        if name not in valid:
            found.append(f"examples/{name}.json: a type that crosses the interface needs a valid example")
        if name not in invalid and isinstance(contract.definitions[name], Record | Union):
            found.append(f"examples/{name}.json: a type that crosses the interface needs an invalid example")
    seen = {
        name
        for entry in examples
        if entry.refused_by is None
        for name in occurring(entry.value, Ref(entry.type), contract.definitions)
    }
    in_tables = {machine.states for machine in contract.machines}
    found += [f"{name}: occurs in no valid example" for name in contract.definitions if name not in seen | in_tables]
    return found


def occurring(value: Any, shape: Shape, definitions: dict[str, Definition]) -> Iterator[str]:
    """Names of the definitions that a valid value makes use of."""
    match shape:
        case Ref(name):
            yield name
            yield from _inside(value, definitions[name], definitions)
        case Sequence(items=inner):
            for item in value:
                yield from occurring(item, inner, definitions)
        case Mapping(values=inner):
            for item in value.values():
                yield from occurring(item, inner, definitions)


def _inside(value: Any, definition: Definition, definitions: dict[str, Definition]) -> Iterator[str]:
    match definition:
        case Enumeration():
            return
        case Alias(shape=shape):
            yield from occurring(value, shape, definitions)
        case Record(properties=properties):
            for entry in properties:
                if entry.name in value:
                    yield from occurring(value[entry.name], entry.shape, definitions)
        case Union():
            yield from occurring(value, Ref(variant_of(value, definition, definitions)), definitions)


def variant_of(value: dict[str, Any], union: Union, definitions: dict[str, Definition]) -> str:
    """Name of the variant that a valid value of a union is."""
    for name in union.variants:
        record = definitions[name]
        if isinstance(record, Record) and record.tag and value.get(union.discriminator) == record.tag.value:
            return name
    raise ValueError(f"{union.name} has no variant {value.get(union.discriminator)!r}")


def _spoken(contract: Contract) -> set[str]:
    """Types that are a request, a response or a frame."""
    bodies = [body for operation in contract.operations for body in (operation.request, operation.response)]
    frames = [
        name for name, entry in contract.definitions.items() if isinstance(entry, Union) and name.endswith("Frame")
    ]
    return {body.type for body in bodies if body and body.type} | set(frames)


def _read(path: Path) -> Iterator[Example]:
    document = load(path)
    where = f"examples/{path.name}"
    if not isinstance(document, dict) or set(document) != {"type", "valid", "invalid"}:
        raise ValueError(f"{where}: holds type, valid and invalid")
    if document["type"] != path.stem:
        raise ValueError(f"{where}: its type is {document['type']!r}")
    for row in document["valid"]:
        if set(row) != {"name", "value"}:
            raise ValueError(f"{where}: a valid example holds name and value")
        yield Example(path.stem, row["name"], row["value"], None, None)
    for row in document["invalid"]:
        if set(row) != {"name", "value", "refused_by", "because"} or row["refused_by"] not in REFUSERS:
            raise ValueError(
                f"{where}: an invalid example holds name, value, because and refused_by, {sorted(REFUSERS)}"
            )
        yield Example(path.stem, row["name"], row["value"], row["refused_by"], row["because"])

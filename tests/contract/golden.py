"""The committed contract as these tests read it: its types, its examples, and a judge that knows JSON Schema only."""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from tools.contract.contract_model import Contract
from tools.contract.examples import Example, read_examples
from tools.contract.json_files import load
from tools.contract.tables import read_contract

ROOT = Path(__file__).parents[2]
HEAD = ROOT / "schemas" / "head"
BASE = "https://tradewind.dev/schemas/head/"
RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", re.ASCII)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _is_date_time(value: object) -> bool:
    if isinstance(value, str) and RFC3339.fullmatch(value):
        datetime.fromisoformat(value)
        return True
    return not isinstance(value, str)


def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or UUID.fullmatch(value) is not None


formats = FormatChecker(formats=())
formats.checks("date-time", raises=ValueError)(_is_date_time)
formats.checks("uuid")(_is_uuid)


@cache
def contract() -> Contract:
    """The contract that is being written."""
    return read_contract(HEAD)


@cache
def examples() -> tuple[Example, ...]:
    """All its examples."""
    return tuple(read_examples(HEAD))


def example_id(example: Example) -> str:
    """What a test of an example is called."""
    return f"{example.type}-{example.name}"


def schema_faults(type_name: str, value: Any) -> Iterator[str]:
    """What JSON Schema alone has against a value."""
    for error in validator(type_name).iter_errors(value):
        yield f"{error.json_path}: {error.message}"


@cache
def validator(type_name: str) -> Draft202012Validator:
    """The judge of one type."""
    registry, homes = _documents()
    reference = {"$ref": f"{BASE}{homes[type_name]}#/$defs/{type_name}"}
    return Draft202012Validator(reference, registry=registry, format_checker=formats)


@cache
def _documents() -> tuple[Registry[Any], dict[str, str]]:
    documents = {path.name: load(path) for path in HEAD.glob("*.json")}
    documents = {name: document for name, document in documents.items() if "$defs" in document}
    registry: Registry[Any] = Registry().with_resources(
        (document["$id"], Resource.from_contents(document)) for document in documents.values()
    )
    return registry, {type_: name for name, document in documents.items() for type_ in document["$defs"]}

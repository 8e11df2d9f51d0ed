"""Writes the SDK's models: msgspec structs, quick to import and open to properties that a newer server sends."""

from __future__ import annotations

from tools.contract.contract_model import (
    Alias,
    Boolean,
    Contract,
    Definition,
    Enumeration,
    Json,
    Mapping,
    Numeric,
    Property,
    Record,
    Ref,
    Sequence,
    Shape,
    Text,
    Union,
    in_order_of_use,
    resolve,
)
from tools.contract.emit_server import default_expression
from tools.contract.python_text import (
    INDENT,
    docstring,
    enumeration,
    exported,
    module_head,
    operations_module,
    package_module,
    quoted,
    states_module,
    version_module,
)

PACKAGE = "tradewind.sdk.contract"
FOLDER = "task-sdk/src/tradewind/sdk/contract/_generated"


def emit(contract: Contract) -> dict[str, str]:
    """Path relative to the repository to text, for all generated files of the SDK."""
    return {
        f"{FOLDER}/__init__.py": package_module(),
        f"{FOLDER}/wire.py": _wire(contract),
        f"{FOLDER}/operations.py": operations_module(contract, PACKAGE, {}),
        f"{FOLDER}/states.py": states_module(contract, PACKAGE),
        f"{FOLDER}/version.py": version_module(contract),
    }


def _wire(contract: Contract) -> str:
    lines = module_head(
        "Models of everything that crosses the interface: open to what a newer server adds.",
        "import datetime as dt",
        "import enum",
        "import typing as t",
        "",
        "import msgspec",
    )
    lines += ["Timestamp: t.TypeAlias = t.Annotated[dt.datetime, msgspec.Meta(tz=True)]"]
    ordered, _ = in_order_of_use(contract.definitions)
    for definition in ordered:
        lines += _definition(definition, contract.definitions)
    return "\n".join([*lines, *exported(contract.definitions), ""])


def _definition(definition: Definition, definitions: dict[str, Definition]) -> list[str]:
    match definition:
        case Enumeration():
            return enumeration(definition)
        case Alias(name, description, shape):
            return ["", f"{name}: t.TypeAlias = {_type(shape)}", docstring(description, "")]
        case Union(name, description, _, variants):
            return ["", f"{name}: t.TypeAlias = {' | '.join(variants)}", docstring(description, "")]
        case Record():
            return _record(definition, definitions)


def _record(record: Record, definitions: dict[str, Definition]) -> list[str]:
    options = "kw_only=True, frozen=True, omit_defaults=True"
    if record.tag:
        options += f", tag_field={quoted(record.tag.name)}, tag={quoted(record.tag.value)}"
    lines = ["", f"class {record.name}(msgspec.Struct, {options}):", docstring(record.description), ""]
    for entry in record.properties:
        lines.append(f"{INDENT}{entry.name}: {_annotation(entry, definitions)}")
        if entry.description:
            lines.append(docstring(entry.description))
    return [*lines, ""]


def _annotation(entry: Property, definitions: dict[str, Definition]) -> str:
    if entry.required:
        return _type(entry.shape)
    if entry.default is not None:
        # A factory is what msgspec compares nothing with: the value is written even where it is the default, as the
        # server does, so that both write the same bytes for the same value.
        value = default_expression(entry.default, entry.shape, definitions)
        return f"{_type(entry.shape)} = msgspec.field(default_factory=lambda: {value})"
    if isinstance(resolve(entry.shape, definitions), Json):
        return "t.Any = msgspec.UNSET"
    return f"{_type(entry.shape)} | None = None"


def _type(shape: Shape) -> str:
    match shape:
        case Ref(name):
            return name
        case Json():
            return "t.Any"
        case Boolean():
            return "bool"
        case Text(format=form):
            return "Timestamp" if form == "date-time" else "str"
        case Numeric(whole=whole):
            return "int" if whole else "float"
        case Sequence(items=items):
            return f"list[{_type(items)}]"
        case Mapping(values=values):
            return f"dict[str, {_type(values)}]"

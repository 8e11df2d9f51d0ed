"""Writes the server's models: pydantic, closed, frozen and strict."""

from __future__ import annotations

from collections import abc

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
    Scalar,
    Sequence,
    Shape,
    Text,
    Union,
    in_order_of_use,
    resolve,
)
from tools.contract.python_text import (
    INDENT,
    docstring,
    enumeration,
    exported,
    member,
    module_head,
    operations_module,
    package_module,
    quoted,
    states_module,
    version_module,
)

PACKAGE = "tradewind.server.contract"
FOLDER = "server/src/tradewind/server/contract/_generated"


def emit(contract: Contract) -> dict[str, str]:
    """Path relative to the repository to text, for all generated files of the server."""
    return {
        f"{FOLDER}/__init__.py": package_module(),
        f"{FOLDER}/wire.py": _wire(contract),
        f"{FOLDER}/operations.py": operations_module(contract, PACKAGE, _parameter_types(contract)),
        f"{FOLDER}/states.py": states_module(contract, PACKAGE),
        f"{FOLDER}/version.py": version_module(contract),
    }


def _wire(contract: Contract) -> str:
    lines = module_head(
        "Models of everything that crosses the interface: closed, frozen and strict.",
        "import enum",
        "import typing as t",
        "",
        "import pydantic as p",
        "",
        f"from {PACKAGE} import model as m",
    )
    ordered, early = in_order_of_use(contract.definitions)
    for definition in ordered:
        lines += _definition(definition, contract.definitions)
    lines += ["", *(f"{name}.model_rebuild()" for name in early), *exported(contract.definitions), ""]
    return "\n".join(lines)


def _definition(definition: Definition, definitions: dict[str, Definition]) -> list[str]:
    match definition:
        case Enumeration():
            return enumeration(definition)
        case Alias(name, description, shape):
            return ["", f"{name}: t.TypeAlias = {_type(shape)}", docstring(description, "")]
        case Union(name, description, discriminator, variants):
            choice = " | ".join(variants)
            if len(variants) > 1:
                choice = f"t.Annotated[{choice}, p.Field(discriminator={quoted(discriminator)})]"
            return ["", f"{name}: t.TypeAlias = {choice}", docstring(description, "")]
        case Record():
            return _record(definition, definitions)


def _record(record: Record, definitions: dict[str, Definition]) -> list[str]:
    lines = [
        "",
        f"class {record.name}({'m.TaggedModel' if record.tag else 'm.WireModel'}):",
        docstring(record.description),
        "",
    ]
    if record.tag:
        lines.append(f"{INDENT}tag_property: t.ClassVar[str] = {quoted(record.tag.name)}")
        lines.append(f"{INDENT}{record.tag.name}: t.Literal[{quoted(record.tag.value)}] = {quoted(record.tag.value)}")
    for entry in record.properties:
        lines.append(f"{INDENT}{entry.name}: {_annotation(entry, definitions)}")
        if entry.description:
            lines.append(docstring(entry.description))
    return [*lines, ""]


def _annotation(entry: Property, definitions: dict[str, Definition]) -> str:
    if entry.required:
        return _type(entry.shape)
    if entry.default is not None:
        return f"{_type(entry.shape)} = {default_expression(entry.default, entry.shape, definitions)}"
    if isinstance(resolve(entry.shape, definitions), Json):
        return "m.OmittableJson = m.UNSET"
    return f"m.Omittable[{_type(entry.shape)}] = None"


def default_expression(value: Scalar, shape: Shape, definitions: dict[str, Definition]) -> str:
    """The Python expression of a default."""
    target = resolve(shape, definitions)
    if isinstance(target, Ref):
        return member(target.name, str(value))
    return quoted(value) if isinstance(value, str) else repr(value)


def _type(shape: Shape, prefix: str = "") -> str:
    match shape:
        case Ref(name):
            return f"{prefix}{name}"
        case Json():
            return "m.FiniteJson"
        case Boolean():
            return "bool"
        case Text():
            return _text(shape)
        case Numeric():
            limits = {"ge": shape.minimum, "le": shape.maximum, "gt": shape.exclusive_minimum}
            return _limited("int" if shape.whole else "float", limits)
        case Sequence(items, low, high):
            return _limited(f"list[{_type(items, prefix)}]", {"min_length": low, "max_length": high})
        case Mapping(values):
            return f"dict[str, {_type(values, prefix)}]"


def _text(shape: Text) -> str:
    if shape.format == "date-time":
        return "m.Timestamp"
    if shape.format == "uuid":
        return "m.Uuid"
    limits = {"min_length": shape.min_length, "max_length": shape.max_length}
    return _limited("str", {**limits, "pattern": None if shape.pattern is None else quoted(shape.pattern)})


def _limited(type_: str, limits: abc.Mapping[str, float | str | None]) -> str:
    given = ", ".join(f"{key}={value}" for key, value in limits.items() if value is not None)
    return f"t.Annotated[{type_}, p.Field({given})]" if given else type_


def _parameter_types(contract: Contract) -> dict[tuple[str, str], str]:
    return {
        (operation.id, parameter.name): _type(parameter.shape, "w.")
        for operation in contract.operations
        for parameter in operation.parameters
    }

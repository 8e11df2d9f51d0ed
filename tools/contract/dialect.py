"""Reads the type files of a version folder and refuses whatever is outside the dialect of `schemas/README.md`."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.contract.contract_model import (
    Alias,
    Boolean,
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
    Tag,
    Text,
    Union,
    in_order_of_use,
    resolve,
)
from tools.contract.json_files import load

TABLES = ("operations.json", "states.json", "version.json")
DRAFT = "https://json-schema.org/draft/2020-12/schema"
# Attributes of pydantic's BaseModel that a field of the same name would hide.
HIDING = {"copy", "dict", "json", "schema", "validate", "construct", "parse_obj", "parse_raw", "parse_file", "from_orm"}
# These mean different things to the regular expressions of ECMAScript, Python, Rust and Go.
UNPORTABLE = re.compile(r"\\[dDwWsSbBpPAzZ1-9]|\(\?(?!:)")

TEXT_KEYS = {"type", "description", "minLength", "maxLength", "pattern", "format"}
NUMERIC_KEYS = {"type", "description", "minimum", "maximum", "exclusiveMinimum"}
RECORD_KEYS = {"type", "description", "properties", "required", "additionalProperties"}


@dataclass
class DialectError(Exception):
    """A construct outside the dialect: where it is and what is wrong with it."""

    file: str
    pointer: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}#{self.pointer}: {self.reason}"


@dataclass(frozen=True)
class Place:
    """A position in a type file, and the type names that every file of the folder defines."""

    file: str
    pointer: str
    names: dict[str, frozenset[str]]

    def at(self, *steps: str | int) -> Place:
        """The position of a member."""
        return Place(self.file, "/".join([self.pointer, *map(str, steps)]), self.names)

    def refuse(self, reason: str) -> DialectError:
        """The error for this position."""
        return DialectError(self.file, self.pointer, reason)

    def only(self, schema: Any, allowed: set[str]) -> dict[str, Any]:
        """The schema as an object that has no other keyword than those allowed."""
        if not isinstance(schema, dict):
            raise self.refuse("must be an object")
        if unknown := sorted(set(schema) - allowed):
            raise self.refuse(
                f"keyword {unknown[0]!r} is not in the dialect here; allowed: {', '.join(sorted(allowed))}"
            )
        return schema


def read_definitions(folder: Path) -> dict[str, Definition]:
    """All types of a version folder, in the order of files and definitions.

    Raises:
        ExceptionGroup: of `DialectError`, one for each definition that is not in the dialect.
    """
    documents = {path.name: load(path) for path in sorted(folder.glob("*.json")) if path.name not in TABLES}
    names = {file: frozenset(document.get("$defs", {})) for file, document in documents.items()}
    definitions: dict[str, Definition] = {}
    errors: list[DialectError] = []
    for file, document in documents.items():
        top = Place(file, "", names)
        try:
            _check_document(document, top, folder.name)
        except DialectError as error:
            errors.append(error)
            continue
        for name, schema in document["$defs"].items():
            place = top.at("$defs", name)
            try:
                if name in definitions:
                    raise place.refuse("another file defines a type of this name")
                definitions[name] = _definition(name, schema, place)
            except DialectError as error:
                errors.append(error)
    if errors:
        raise ExceptionGroup("the contract is not in its dialect", errors)
    _check_together(definitions, {name: file for file, own in names.items() for name in own})
    return definitions


def _check_document(document: Any, place: Place, folder: str) -> None:
    place.only(document, {"$schema", "$id", "description", "$defs"})
    expected_id = f"https://tradewind.dev/schemas/{folder}/{place.file}"
    for key, expected in (("$schema", DRAFT), ("$id", expected_id)):
        if document.get(key) != expected:
            raise place.refuse(f"{key} must be {expected!r}")
    if not document.get("description"):
        raise place.refuse("a description is missing")
    if not isinstance(document.get("$defs"), dict):
        raise place.refuse("$defs must be an object")


def _definition(name: str, schema: Any, place: Place) -> Definition:
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        raise place.refuse("a type name is in PascalCase")
    if not isinstance(schema, dict):
        raise place.refuse("must be an object")
    description = _description(schema, place)
    if not description:
        raise place.refuse("a type needs a description")
    if "oneOf" in schema:
        return _union(name, description, schema, place)
    if "enum" in schema:
        return _enumeration(name, description, schema, place)
    if "properties" in schema or (schema.get("type") == "object" and schema.get("additionalProperties") is False):
        return _record(name, description, schema, place)
    if "$ref" in schema:
        raise place.refuse("a definition may not be only a reference to another one")
    if set(schema) == {"description"}:
        return Alias(name, description, Json())
    return Alias(name, description, read_shape(schema, place))


def _union(name: str, description: str, schema: dict[str, Any], place: Place) -> Union:
    place.only(schema, {"description", "oneOf", "discriminator"})
    discriminator = schema.get("discriminator")
    if not isinstance(discriminator, dict) or set(discriminator) != {"propertyName"}:
        raise place.refuse('a union needs "discriminator": {"propertyName": …} and nothing else in it')
    if not isinstance(schema["oneOf"], list) or not schema["oneOf"]:
        raise place.refuse("oneOf must be a list of at least one reference")
    variants = tuple(_ref(variant, place.at("oneOf", index)).name for index, variant in enumerate(schema["oneOf"]))
    return Union(name, description, discriminator["propertyName"], variants)


def _enumeration(name: str, description: str, schema: dict[str, Any], place: Place) -> Enumeration:
    place.only(schema, {"type", "description", "enum"})
    values = schema["enum"]
    if schema.get("type") != "string" or not isinstance(values, list) or not values:
        raise place.refuse("an enumeration has type string and at least one value")
    for value in values:
        if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", value):
            raise place.refuse(f"value {value!r} must be in snake_case")
    if len(set(values)) != len(values):
        raise place.refuse("a value occurs twice")
    return Enumeration(name, description, tuple(values))


def _record(name: str, description: str, schema: dict[str, Any], place: Place) -> Record:
    place.only(schema, RECORD_KEYS)
    if schema.get("type") != "object" or schema.get("additionalProperties") is not False:
        raise place.refuse('an object with properties has "type": "object" and "additionalProperties": false')
    required, members = schema.get("required", []), schema.get("properties", {})
    if not isinstance(members, dict) or not isinstance(required, list):
        raise place.refuse("properties must be an object and required a list")
    if unknown := [entry for entry in required if entry not in members]:
        raise place.refuse(f"required property {unknown[0]!r} is not among the properties")
    tag: Tag | None = None
    properties: list[Property] = []
    for key, member in members.items():
        inner = place.at("properties", key)
        if (
            not re.fullmatch(r"[a-z][a-z0-9_]*", key)
            or keyword.iskeyword(key)
            or key in HIDING
            or key.startswith("model_")
        ):
            raise inner.refuse("a property name is in snake_case, no keyword of Python and no attribute of its models")
        if isinstance(member, dict) and "const" in member:
            tag = _tag(key, member, inner, already=tag, required=key in required)
        else:
            properties.append(_property(key, member, inner, required=key in required))
    return Record(name, description, tuple(properties), tag)


def _tag(key: str, member: dict[str, Any], place: Place, *, already: Tag | None, required: bool) -> Tag:
    place.only(member, {"const", "description"})
    if already is not None or not required or not isinstance(member["const"], str):
        raise place.refuse("const is a required string property, at most one in a type, that tells variants apart")
    return Tag(key, member["const"])


def _property(key: str, member: Any, place: Place, *, required: bool) -> Property:
    if not isinstance(member, dict):
        raise place.refuse("must be an object")
    description = _description(member, place)
    default = member.get("default")
    schema = {name: value for name, value in member.items() if name != "default"}
    if "default" in member:
        if required:
            raise place.refuse("a required property has no default")
        if not isinstance(default, str | int | float | bool):
            raise place.refuse("a default is a string, number or boolean")
    return Property(key, read_shape(schema, place), required, default, description)


def _description(schema: dict[str, Any], place: Place) -> str | None:
    description = schema.get("description")
    if description is not None and (not isinstance(description, str) or not description.strip() or "\n" in description):
        raise place.refuse("a description is one line of text")
    return description


def read_shape(schema: Any, place: Place) -> Shape:
    """The shape that a schema describes.

    Raises:
        DialectError: it is outside the dialect.
    """
    if isinstance(schema, dict) and "$ref" in schema:
        return _ref(schema, place)
    kind = schema.get("type") if isinstance(schema, dict) else None
    match kind:
        case "string":
            return _text(place.only(schema, TEXT_KEYS), place)
        case "integer" | "number":
            return _numeric(place.only(schema, NUMERIC_KEYS), place)
        case "boolean":
            place.only(schema, {"type", "description"})
            return Boolean()
        case "array":
            place.only(schema, {"type", "description", "items", "minItems", "maxItems"})
            items = read_shape(schema.get("items"), place.at("items"))
            return Sequence(items, _count(schema, "minItems", place), _count(schema, "maxItems", place))
        case "object":
            place.only(schema, {"type", "description", "additionalProperties"})
            return Mapping(read_shape(schema.get("additionalProperties"), place.at("additionalProperties")))
    raise place.refuse("must be a $ref or have the type string, integer, number, boolean, array or object (a map)")


def _ref(schema: Any, place: Place) -> Ref:
    place.only(schema, {"$ref", "description"})
    match = re.fullmatch(r"([a-z_]+\.json)?#/\$defs/([A-Za-z0-9]+)", str(schema.get("$ref")))
    if match is None:
        raise place.refuse("a $ref is '#/$defs/Type' or 'file.json#/$defs/Type'")
    file, name = match[1] or place.file, match[2]
    if name not in place.names.get(file, frozenset()):
        raise place.refuse(f"{file} defines no type {name}")
    return Ref(name)


def _text(schema: dict[str, Any], place: Place) -> Text:
    pattern, form = schema.get("pattern"), schema.get("format")
    if form not in {None, "date-time", "uuid"}:
        raise place.refuse(f"format {form!r} is not in the dialect; use date-time or uuid")
    if form is not None and set(schema) & {"pattern", "minLength", "maxLength"}:
        raise place.refuse("a format stands alone, without pattern or lengths")
    if pattern is not None:
        _check_pattern(pattern, place)
    return Text(_count(schema, "minLength", place), _count(schema, "maxLength", place), pattern, form)


def _check_pattern(pattern: Any, place: Place) -> None:
    if not isinstance(pattern, str) or not (pattern.startswith("^") and pattern.endswith("$")):
        raise place.refuse("a pattern is anchored: ^…$")
    if found := UNPORTABLE.search(pattern):
        raise place.refuse(f"{found[0]!r} in a pattern means different things in different languages")
    try:
        re.compile(pattern)
    except re.error as error:
        raise place.refuse(f"not a regular expression: {error}") from error


def _numeric(schema: dict[str, Any], place: Place) -> Numeric:
    whole = schema["type"] == "integer"
    bounds = [schema.get(key) for key in ("minimum", "maximum", "exclusiveMinimum")]
    for bound in bounds:
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int if whole else int | float)):
            raise place.refuse(f"{bound!r} is no bound for type {schema['type']}")
    return Numeric(whole, *bounds)


def _count(schema: dict[str, Any], key: str, place: Place) -> int | None:
    value = schema.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise place.refuse(f"{key} must be a whole number of at least 0")
    return value


def _check_together(definitions: dict[str, Definition], files: dict[str, str]) -> None:
    """What only shows when all definitions are known: variants of unions, defaults, definitions without an end."""
    errors: list[DialectError] = []
    for definition in definitions.values():
        file, pointer = files[definition.name], f"/$defs/{definition.name}"
        if isinstance(definition, Union):
            errors += [DialectError(file, pointer, why) for why in _union_faults(definition, definitions)]
        elif isinstance(definition, Record):
            for entry in definition.properties:
                shape = resolve(entry.shape, definitions)
                if entry.default is not None and not _default_fits(entry.default, shape, definitions):
                    place = f"{pointer}/properties/{entry.name}"
                    errors.append(DialectError(file, place, "the default is no value of the property's type"))
    try:
        in_order_of_use(definitions)
    except ValueError as error:
        errors.append(DialectError("*.json", "", str(error)))
    if errors:
        raise ExceptionGroup("the contract is not in its dialect", errors)


def _union_faults(union: Union, definitions: dict[str, Definition]) -> list[str]:
    faults: list[str] = []
    tags: set[str] = set()
    for name in union.variants:
        variant = definitions[name]
        if not isinstance(variant, Record) or variant.tag is None or variant.tag.name != union.discriminator:
            faults.append(f"{name} is no object whose required property {union.discriminator!r} is a const")
        elif variant.tag.value in tags:
            faults.append(f"two variants have the tag {variant.tag.value!r}")
        else:
            tags.add(variant.tag.value)
    return faults


def _default_fits(value: Scalar, shape: Shape, definitions: dict[str, Definition]) -> bool:
    match shape:
        case Ref(name):
            target = definitions[name]
            return isinstance(target, Enumeration) and value in target.values
        case Text(format=form):
            return isinstance(value, str) and form is None
        case Boolean():
            return isinstance(value, bool)
        case Numeric(whole=whole):
            return not isinstance(value, bool) and isinstance(value, int if whole else int | float)
        case _:
            return False

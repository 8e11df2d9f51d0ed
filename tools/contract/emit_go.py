"""Writes the Go types: structs that refuse what they can not hold, in the layout of gofmt."""

from __future__ import annotations

import json

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
    resolve,
)
from tools.contract.emit_go_tables import constructors_file, operations_file
from tools.contract.go_text import FOLDER, MARK, go_name


def emit(contract: Contract) -> dict[str, str]:
    """Path relative to the repository to text, for all generated files of the Go module.

    Raises:
        ValueError: two names of the contract become one in Go.
    """
    _check_names(contract)
    return {
        f"{FOLDER}/wire.gen.go": _wire(contract),
        f"{FOLDER}/operations.gen.go": operations_file(contract),
        f"{FOLDER}/wire_gen_test.go": constructors_file(contract),
    }


def _check_names(contract: Contract) -> None:
    names = [go_name(name) for name in contract.definitions]
    for definition in contract.definitions.values():
        if isinstance(definition, Enumeration):
            names += [go_name(definition.name) + go_name(value) for value in definition.values]
        if isinstance(definition, Union):
            names.append(go_name(definition.name) + "Variant")
    if doubled := sorted({name for name in names if names.count(name) > 1} | (set(names) & {"Operation", "Parameter"})):
        raise ValueError(f"two things are named {doubled[0]} in Go")


def _wire(contract: Contract) -> str:
    body = [line for entry in contract.definitions.values() for line in _definition(entry, contract.definitions)]
    imports = ['\t"encoding/json"', *(['\t"time"'] if any("time.Time" in line for line in body) else [])]
    return "\n".join([MARK, "", "package tradewind", "", "import (", *imports, ")", *body, ""])


def _definition(definition: Definition, definitions: dict[str, Definition]) -> list[str]:
    match definition:
        case Enumeration():
            return _enumeration(definition)
        case Alias(name, description, shape):
            return [*_comment(go_name(name), description), f"type {go_name(name)} = {_type(shape)}"]
        case Union():
            return _union(definition, definitions)
        case Record():
            return _record(definition, definitions)


def _comment(name: str, description: str) -> list[str]:
    return ["", f"// {name}: {description}"]


def _enumeration(definition: Enumeration) -> list[str]:
    name = go_name(definition.name)
    constants = [name + go_name(value) for value in definition.values]
    width = max(map(len, constants))
    values = [
        f"\t{constant:<{width}} {name} = {json.dumps(value)}"
        for constant, value in zip(constants, definition.values, strict=True)
    ]
    return [
        *_comment(name, definition.description),
        f"type {name} string",
        "",
        f"// Values of {name}.",
        "const (",
        *values,
        ")",
        "",
        "// UnmarshalText refuses words that this version of the contract does not know.",
        f"func (v *{name}) UnmarshalText(text []byte) error {{",
        f"\treturn decodeWord(v, {json.dumps(name)}, text, {', '.join(constants)})",
        "}",
    ]


def _union(union: Union, definitions: dict[str, Definition]) -> list[str]:
    name, tag = go_name(union.name), json.dumps(union.discriminator)
    lines = [
        *_comment(name, union.description),
        f"type {name} struct {{",
        f"\tValue {name}Variant",
        "}",
        "",
        f"// {name}Variant is one of {', '.join(go_name(variant) for variant in union.variants)}.",
        f"type {name}Variant interface {{",
        f"\tis{name}()",
        "}",
    ]
    cases: list[str] = []
    for variant in union.variants:
        record = definitions[variant]
        if isinstance(record, Record) and record.tag:
            lines += ["", f"func ({go_name(variant)}) is{name}() {{}}"]
            cases += [
                f"\tcase {json.dumps(record.tag.value)}:",
                f"\t\tu.Value, err = decodeAs[{go_name(variant)}](data)",
            ]
    return [
        *lines,
        "",
        f"// UnmarshalJSON chooses the variant by {union.discriminator}.",
        f"func (u *{name}) UnmarshalJSON(data []byte) error {{",
        f'\ttag, err := readTag("{name}", {tag}, data)',
        "\tif err != nil {",
        "\t\treturn err",
        "\t}",
        "\tswitch tag {",
        *cases,
        "\tdefault:",
        f'\t\terr = unknownTag("{name}", {tag}, tag)',
        "\t}",
        "\treturn err",
        "}",
        "",
        "// MarshalJSON writes the variant with its tag.",
        f"func (u {name}) MarshalJSON() ([]byte, error) {{",
        f'\treturn encodeVariant("{name}", u.Value)',
        "}",
    ]


def _record(record: Record, definitions: dict[str, Definition]) -> list[str]:
    name = go_name(record.name)
    fields: list[str] = []
    for entry in record.properties:
        comment = [f"\t// {entry.description}"] if entry.description else []
        option = "" if entry.required else ",omitzero"
        field = f'\t{go_name(entry.name)} {_field_type(entry, definitions)} `json:"{entry.name}{option}"`'
        fields += [*([""] if fields else []), *comment, field]
    return [
        *_comment(name, record.description),
        *([f"type {name} struct {{", *fields, "}"] if fields else [f"type {name} struct{{}}"]),
        *_defaults(record, definitions),
        *_unmarshal(record, definitions),
        *_marshal(record, definitions),
    ]


def _field_type(entry: Property, definitions: dict[str, Definition]) -> str:
    by_itself = isinstance(resolve(entry.shape, definitions), Json | Sequence | Mapping)
    return _type(entry.shape) if entry.required or by_itself else f"*{_type(entry.shape)}"


def _defaults(record: Record, definitions: dict[str, Definition]) -> list[str]:
    lines: list[str] = []
    for entry in record.properties:
        if entry.default is not None:
            field, value = go_name(entry.name), _default(entry.default, entry.shape, definitions)
            lines += [
                "",
                f"// {field}OrDefault is the value that an absent {entry.name} stands for, or the one given.",
                f"func (v {go_name(record.name)}) {field}OrDefault() {_type(entry.shape)} {{",
                f"\treturn orDefault(v.{field}, {value})",
                "}",
            ]
    return lines


def _default(value: Scalar, shape: Shape, definitions: dict[str, Definition]) -> str:
    target = resolve(shape, definitions)
    return go_name(target.name) + go_name(str(value)) if isinstance(target, Ref) else json.dumps(value)


def _unmarshal(record: Record, definitions: dict[str, Definition]) -> list[str]:
    name = go_name(record.name)
    required = [entry for entry in record.properties if entry.required]
    nullable = [entry for entry in required if isinstance(resolve(entry.shape, definitions), Json)]
    filled = [entry for entry in record.properties if _refuses_null_elements(entry.shape, definitions)]
    checks = f'object("{name}")'
    if record.tag:
        checks += f".tagged({json.dumps(record.tag.name)}, {json.dumps(record.tag.value)})"
    for method, entries in (
        ("needs", [entry for entry in required if entry not in nullable]),
        ("needsAny", nullable),
        ("elements", filled),
    ):
        if entries:
            checks += f".{method}({', '.join(json.dumps(entry.name) for entry in entries)})"
    variable = f"checks{name}"
    return [
        "",
        f"var {variable} = {checks}",
        "",
        "// UnmarshalJSON refuses a value that lacks a required property.",
        f"func (v *{name}) UnmarshalJSON(data []byte) error {{",
        f"\ttype plain {name}",
        f"\tif err := {variable}.check(data); err != nil {{",
        "\t\treturn err",
        "\t}",
        "\treturn json.Unmarshal(data, (*plain)(v))",
        "}",
    ]


def _refuses_null_elements(shape: Shape, definitions: dict[str, Definition]) -> bool:
    match resolve(shape, definitions):
        case Sequence(items=inner) | Mapping(values=inner):
            return not isinstance(resolve(inner, definitions), Json)
    return False


def _marshal(record: Record, definitions: dict[str, Definition]) -> list[str]:
    name = go_name(record.name)
    empties: list[str] = []
    for entry in record.properties:
        if entry.required and isinstance(resolve(entry.shape, definitions), Sequence | Mapping):
            field = go_name(entry.name)
            empties += [f"\tif v.{field} == nil {{", f"\t\tv.{field} = {_type(entry.shape)}{{}}", "\t}"]
    if not record.tag and not empties:
        return []
    what = "the tag" if record.tag else "required collections as empty rather than null"
    lines = ["", f"// MarshalJSON writes {what}.", f"func (v {name}) MarshalJSON() ([]byte, error) {{"]
    lines += [f"\ttype plain {name}", *empties]
    if not record.tag:
        return [*lines, "\treturn json.Marshal(plain(v))", "}"]
    return [
        *lines,
        "\treturn json.Marshal(struct {",
        f'\t\tTag string `json:"{record.tag.name}"`',
        "\t\tplain",
        f"\t}}{{{json.dumps(record.tag.value)}, plain(v)}})",
        "}",
    ]


def _type(shape: Shape) -> str:
    match shape:
        case Ref(name):
            return go_name(name)
        case Json():
            return "json.RawMessage"
        case Boolean():
            return "bool"
        case Text(format=form):
            return "time.Time" if form == "date-time" else "string"
        case Numeric(whole=whole):
            return "int64" if whole else "float64"
        case Sequence(items=items):
            return f"[]{_type(items)}"
        case Mapping(values=values):
            return f"map[string]{_type(values)}"

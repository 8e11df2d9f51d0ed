"""Kinds of values whose classes users write: enums, dataclasses, attrs and pydantic models, and classes with a way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tradewind.sdk.typed_values.class_names import name_of
from tradewind.sdk.typed_values.kinds import FindClass, Kind, Read, Unreadable, Unwritable, Write


def _write_enum(value: Any, place: str, write: Write) -> Mapping[str, Any]:
    return {"class": name_of(type(value), place), "value": write(value.value, f"{place}.value")}


def _read_enum(plain: Mapping[str, Any], read: Read, find: FindClass) -> Any:
    return find(plain["class"])(read(plain["value"]))


def _write_dataclass(value: Any, place: str, write: Write) -> Mapping[str, Any]:
    import dataclasses

    kind = type(value)
    fields = dataclasses.fields(value)
    given_only = kind.__dataclass_fields__.keys() - {field.name for field in fields}
    if any(_is_init_only(kind, name) for name in given_only):
        raise Unwritable(f"{place} is of type {kind.__module__}.{kind.__qualname__}, which has fields of InitVar")
    values = {field.name: write(getattr(value, field.name), f"{place}.{field.name}") for field in fields}
    return {"class": name_of(kind, place), "value": values}


def _is_init_only(kind: Any, name: str) -> bool:
    return str(kind.__dataclass_fields__[name]._field_type) == "_FIELD_INITVAR"  # noqa: SLF001 - nothing else tells


def _read_dataclass(plain: Mapping[str, Any], read: Read, find: FindClass) -> Any:
    import dataclasses

    kind = find(plain["class"])
    if not dataclasses.is_dataclass(kind):
        raise Unreadable(f"{kind.__qualname__} is no dataclass any more")
    values = {name: read(item) for name, item in plain["value"].items()}
    derived = [field.name for field in dataclasses.fields(kind) if not field.init and field.name in values]
    found = kind(**{name: item for name, item in values.items() if name not in derived})
    for name in derived:
        object.__setattr__(found, name, values[name])
    return found


def _write_attrs(value: Any, place: str, write: Write) -> Mapping[str, Any]:
    kind = type(value)
    values = {field.name: write(getattr(value, field.name), f"{place}.{field.name}") for field in kind.__attrs_attrs__}
    return {"class": name_of(kind, place), "value": values}


def _read_attrs(plain: Mapping[str, Any], read: Read, find: FindClass) -> Any:
    kind: Any = find(plain["class"])
    values = {name: read(item) for name, item in plain["value"].items()}
    fields = [field for field in kind.__attrs_attrs__ if field.name in values]
    unknown = values.keys() - {field.name for field in fields}
    if unknown:
        raise Unreadable(f"{kind.__qualname__} has no field {min(unknown)} any more")
    found = kind(**{field.alias or field.name: values[field.name] for field in fields if field.init})
    for field in fields:
        if not field.init:
            object.__setattr__(found, field.name, values[field.name])
    return found


def _write_pydantic(value: Any, place: str, write: Write) -> Mapping[str, Any]:
    values = value.model_dump(mode="python", by_alias=True, round_trip=True)
    return {"class": name_of(type(value), place), "value": write(values, place)}


def _read_pydantic(plain: Mapping[str, Any], read: Read, find: FindClass) -> Any:
    kind: Any = find(plain["class"])
    return kind.model_validate(read(plain["value"]))


def _write_by_own_way(value: Any, place: str, write: Write) -> Mapping[str, Any]:
    kind = type(value)
    return {
        "class": name_of(kind, place),
        "version": int(getattr(kind, "__version__", 0)),
        "value": write(value.serialize(), f"{place}.serialize()"),
    }


def _read_by_own_way(plain: Mapping[str, Any], read: Read, find: FindClass) -> Any:
    kind: Any = find(plain["class"])
    return kind.deserialize(read(plain["value"]), plain["version"])


def _has_own_way(of: type) -> bool:
    return callable(getattr(of, "serialize", None)) and callable(getattr(of, "deserialize", None))


BY_CLASS: Final[dict[str, Kind]] = {
    "enum.Enum": Kind("enum", _write_enum, _read_enum),
    "pydantic.main.BaseModel": Kind("pydantic", _write_pydantic, _read_pydantic),
}

BY_MARK: Final[tuple[tuple[Callable[[type], bool], Kind], ...]] = (
    (_has_own_way, Kind("object", _write_by_own_way, _read_by_own_way)),
    (lambda of: hasattr(of, "__attrs_attrs__"), Kind("attrs", _write_attrs, _read_attrs)),
    (lambda of: hasattr(of, "__dataclass_fields__"), Kind("dataclass", _write_dataclass, _read_dataclass)),
)
"""What a class must have, and the kind that it then is; the first one counts. `object` is Airflow's way: a method
`serialize()` and a static method `deserialize(data, version)`, with the class's `__version__`."""

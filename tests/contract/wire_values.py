"""Values of the contract: how to make them up from its shapes, and when two of them mean the same."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

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
    Sequence,
    Shape,
    Text,
    Union,
)
from tools.contract.examples import variant_of

Definitions = dict[str, Definition]
WHOLE_LIMIT = 2**53  # what a double holds exactly, and so every reader of JSON
FEW = 3

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
finite = st.floats(allow_nan=False, allow_infinity=False)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-WHOLE_LIMIT, WHOLE_LIMIT) | finite | texts,
    lambda inner: st.lists(inner, max_size=FEW) | st.dictionaries(texts, inner, max_size=FEW),
    max_leaves=6,
)
offsets = st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-3, minutes=-30))])
date_times = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1), timezones=offsets)  # noqa: DTZ001


def values(shape: Shape, definitions: Definitions) -> st.SearchStrategy[Any]:
    """JSON values of a shape."""
    match shape:
        case Ref(name):
            return st.deferred(lambda: _defined(definitions[name], definitions))
        case Json():
            return json_values
        case Boolean():
            return st.booleans()
        case Text():
            return _texts(shape)
        case Numeric():
            return _numbers(shape)
        case Sequence(items, low, high):
            least = low or 0
            most = least + FEW if high is None else min(high, least + FEW)
            return st.lists(values(items, definitions), min_size=least, max_size=most)
        case Mapping(inner):
            return st.dictionaries(texts, values(inner, definitions), max_size=FEW)


def _defined(definition: Definition, definitions: Definitions) -> st.SearchStrategy[Any]:
    match definition:
        case Enumeration():
            return st.sampled_from(definition.values)
        case Alias(shape=shape):
            return values(shape, definitions)
        case Union():
            return st.one_of([values(Ref(name), definitions) for name in definition.variants])
        case Record():
            tag = {definition.tag.name: st.just(definition.tag.value)} if definition.tag else {}
            required = {
                entry.name: values(entry.shape, definitions) for entry in definition.properties if entry.required
            }
            optional = {
                entry.name: values(entry.shape, definitions) for entry in definition.properties if not entry.required
            }
            return st.fixed_dictionaries({**tag, **required}, optional=optional)


def _texts(shape: Text) -> st.SearchStrategy[str]:
    if shape.format == "date-time":
        return st.builds(lambda moment: moment.isoformat().replace("+00:00", "Z"), date_times)
    if shape.format == "uuid":
        return st.uuids().map(str)
    least = shape.min_length or 0
    most = least + 250 if shape.max_length is None else shape.max_length
    if shape.pattern is None:
        return st.text(st.characters(exclude_categories=["Cs"]), min_size=least, max_size=min(most, least + 20))
    unanchored = shape.pattern.removeprefix("^").removesuffix("$")
    return st.from_regex(unanchored, fullmatch=True).filter(lambda text: least <= len(text) <= most)


def _numbers(shape: Numeric) -> st.SearchStrategy[Any]:
    low, high = shape.minimum, shape.maximum
    if shape.whole:
        if shape.exclusive_minimum is not None:
            low = int(shape.exclusive_minimum) + 1
        return st.integers(
            int(low if low is not None else -WHOLE_LIMIT), int(high if high is not None else WHOLE_LIMIT)
        )
    exclusive = shape.exclusive_minimum is not None
    return st.floats(
        shape.exclusive_minimum if exclusive else low,
        high,
        exclude_min=exclusive,
        allow_nan=False,
        allow_infinity=False,
    )


def meaning(value: Any, shape: Shape, definitions: Definitions) -> Any:
    """A form that is equal for two JSON values exactly when they mean the same.

    Defaults stand in for absent properties, points in time are in UTC, numbers are of one kind.
    """
    match shape:
        case Ref(name):
            return _defined_meaning(value, definitions[name], definitions)
        case Text(format="date-time"):
            return datetime.fromisoformat(value).astimezone(UTC)
        case Json():
            return json.dumps(value, sort_keys=True)
        case Numeric(whole=False):
            return float(value)
        case Sequence(items=inner):
            return [meaning(item, inner, definitions) for item in value]
        case Mapping(values=inner):
            return {key: meaning(item, inner, definitions) for key, item in value.items()}
        case _:
            return (type(value), value)


def _defined_meaning(value: Any, definition: Definition, definitions: Definitions) -> Any:
    match definition:
        case Enumeration():
            return value
        case Alias(shape=shape):
            return meaning(value, shape, definitions)
        case Union():
            return meaning(value, Ref(variant_of(value, definition, definitions)), definitions)
        case Record(properties=properties):
            given = {entry.name: value[entry.name] for entry in properties if entry.name in value}
            complete = {**{entry.name: entry.default for entry in properties if entry.default is not None}, **given}
            unknown = {key: item for key, item in value.items() if key not in given}
            named: dict[str, Property] = {entry.name: entry for entry in properties}
            return unknown | {key: meaning(item, named[key].shape, definitions) for key, item in complete.items()}

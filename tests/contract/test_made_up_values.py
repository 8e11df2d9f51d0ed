"""Values made up from the schemas: all models agree with JSON Schema, and with each other, beyond the examples."""

import json
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.golden import contract, schema_faults
from tests.contract.wire_values import meaning, values
from tools.contract.contract_model import Record, Ref, Union
from tradewind.sdk import contract as sdk
from tradewind.server import contract as server

DEFINITIONS = contract().definitions
COMPOSITE = [name for name, entry in DEFINITIONS.items() if isinstance(entry, Record | Union)]
UNIONS = [name for name, entry in DEFINITIONS.items() if isinstance(entry, Union)]

few = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
more = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
intruders = st.sampled_from([None, True, -1, 3.5, "", "x", "success", [], [None], {}, {"x": 1}])


@pytest.mark.parametrize("name", COMPOSITE)
@few
@given(data=st.data())
def test_a_made_up_value_passes_all_models_unchanged(name: str, data: st.DataObject) -> None:
    value = data.draw(values(Ref(name), DEFINITIONS))
    text = json.dumps(value)
    assert list(schema_faults(name, value)) == []
    by_server = server.encode(server.decode(getattr(server, name), text))
    by_sdk = sdk.encode(sdk.decode(getattr(sdk, name), text))
    meanings = [meaning(json.loads(form), Ref(name), DEFINITIONS) for form in (text, by_server, by_sdk)]
    assert meanings[1:] == meanings[:1] * 2


@pytest.mark.parametrize("name", UNIONS)
@more
@given(data=st.data())
def test_the_server_accepts_a_spoilt_value_only_if_json_schema_does_and_then_the_sdk_too(
    name: str, data: st.DataObject
) -> None:
    value = spoil(data.draw(values(Ref(name), DEFINITIONS)), data)
    text = json.dumps(value)
    allowed = not list(schema_faults(name, value))
    try:
        server.decode(getattr(server, name), text)
    except pydantic.ValidationError:
        assert not allowed
    else:
        assert allowed
        sdk.decode(getattr(sdk, name), text)


@pytest.mark.parametrize("name", COMPOSITE)
@few
@given(data=st.data())
def test_a_property_of_the_future_is_passed_over_by_the_sdk_and_refused_by_the_server(
    name: str, data: st.DataObject
) -> None:
    value = data.draw(values(Ref(name), DEFINITIONS))
    text = json.dumps({**value, "from_the_future": {"any": ["thing"]}})
    assert sdk.decode(getattr(sdk, name), text) == sdk.decode(getattr(sdk, name), json.dumps(value))
    with pytest.raises(pydantic.ValidationError):
        server.decode(getattr(server, name), text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("place", ["{}", "[[{}]]", '{{"deep": [{}]}}'])
def test_a_number_that_is_not_finite_is_refused_even_where_any_json_is_allowed(number: str, place: str) -> None:
    text = '{"op_id": "018f9c1e-7a00-7000-8000-000000000001", "value": ' + place.format(number) + "}"
    with pytest.raises(pydantic.ValidationError):
        server.decode(server.SetXCom, text)
    with pytest.raises(msgspec.DecodeError):
        sdk.decode(sdk.SetXCom, text)


def spoil(value: Any, data: st.DataObject) -> Any:
    """The value with one thing in it replaced or, in an object, left out."""
    if isinstance(value, dict | list) and value and data.draw(st.integers(0, 4)):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(value, dict):
            if data.draw(st.integers(0, 4)) == 0:
                return {name: item for name, item in value.items() if name != key}
            return {**value, key: spoil(value[key], data)}
        return [spoil(item, data) if index == key else item for index, item in enumerate(value)]
    return data.draw(intruders)

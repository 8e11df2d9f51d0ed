"""Every example through every model in Python: the valid come back as they were, the others are refused."""

import json

import msgspec
import pydantic
import pytest

from tests.contract.golden import contract, example_id, examples, schema_faults
from tests.contract.wire_values import meaning
from tools.contract.contract_model import Ref
from tools.contract.examples import Example
from tradewind.sdk import contract as sdk
from tradewind.server import contract as server

VALID = [example for example in examples() if example.refused_by is None]
INVALID = [example for example in examples() if example.refused_by is not None]

valid = pytest.mark.parametrize("example", VALID, ids=example_id)
invalid = pytest.mark.parametrize("example", INVALID, ids=example_id)


def test_there_are_examples() -> None:
    assert VALID
    assert INVALID


def assert_same_meaning(example: Example, written: bytes) -> None:
    definitions = contract().definitions
    again = meaning(json.loads(written), Ref(example.type), definitions)
    assert again == meaning(example.value, Ref(example.type), definitions)


@valid
def test_json_schema_accepts_a_valid_example(example: Example) -> None:
    assert list(schema_faults(example.type, example.value)) == []


@invalid
def test_json_schema_refuses_an_invalid_example(example: Example) -> None:
    assert list(schema_faults(example.type, example.value)) != []


@valid
def test_the_server_reads_and_writes_a_valid_example(example: Example) -> None:
    type_ = getattr(server, example.type)
    value = server.decode(type_, json.dumps(example.value))
    assert_same_meaning(example, pydantic.TypeAdapter(type_).dump_json(value))
    if isinstance(value, server.WireModel):
        assert_same_meaning(example, server.encode(value))
        assert server.from_plain(type_, server.to_plain(value)) == value


@valid
def test_the_sdk_reads_and_writes_a_valid_example(example: Example) -> None:
    type_ = getattr(sdk, example.type)
    value = sdk.decode(type_, json.dumps(example.value))
    assert_same_meaning(example, sdk.encode(value))
    assert sdk.from_plain(type_, sdk.to_plain(value)) == value


@invalid
def test_the_server_refuses_an_invalid_example(example: Example) -> None:
    with pytest.raises(pydantic.ValidationError):
        server.decode(getattr(server, example.type), json.dumps(example.value))


@pytest.mark.parametrize("example", [entry for entry in INVALID if entry.refused_by != "server"], ids=example_id)
def test_the_sdk_refuses_what_no_client_understands(example: Example) -> None:
    with pytest.raises(msgspec.ValidationError):
        sdk.decode(getattr(sdk, example.type), json.dumps(example.value))


@pytest.mark.parametrize("example", [entry for entry in INVALID if entry.refused_by == "server"], ids=example_id)
def test_the_sdk_is_open_to_what_only_the_server_refuses(example: Example) -> None:
    sdk.decode(getattr(sdk, example.type), json.dumps(example.value))

"""Constructs of the dialect that the real contract may not use today still become right models in all languages."""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pydantic
import pytest

from tests.contract.golden import ROOT
from tests.contract.small_contract import NODE_EXAMPLE, documents, write
from tools.contract import emit_go, emit_sdk, emit_server
from tools.contract.tables import read_contract
from tradewind.sdk import contract as sdk
from tradewind.server import contract as server

DEFAULTS = {"color": "red", "weight": 1.5, "count": 3000, "dry": False, "title": 'un"titled'}
LEAF = {"kind": "leaf", "label": "a"}

GO_TEST = """package tradewind

import (
	"encoding/json"
	"testing"
)

func TestDefaults(t *testing.T) {
	var leaf Leaf
	if err := json.Unmarshal([]byte(`{"kind": "leaf", "label": "a", "count": 5}`), &leaf); err != nil {
		t.Fatal(err)
	}
	if leaf.CountOrDefault() != 5 || leaf.WeightOrDefault() != 1.5 || leaf.ColorOrDefault() != ColorRed {
		t.Errorf("got %+v", leaf)
	}
	if leaf.DryOrDefault() || leaf.TitleOrDefault() != "un\\"titled" {
		t.Errorf("got %+v", leaf)
	}
}

func TestTreesComeBack(t *testing.T) {
	const tree = `{"kind":"branch","children":[{"kind":"leaf","label":"a","note":null}],"by_name":{}}`
	var node Node
	if err := json.Unmarshal([]byte(tree), &node); err != nil {
		t.Fatal(err)
	}
	if written, err := json.Marshal(node); err != nil || string(written) != tree {
		t.Errorf("got %s, %v", written, err)
	}
}
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], ModuleType]:
    """Imports generated source as a module of its own."""

    def load_source(name: str, text: str) -> ModuleType:
        path = tmp_path / f"{name}.py"
        path.write_text(text, "utf-8")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    return load_source


@pytest.fixture
def server_wire(tmp_path: Path, load: Callable[[str, str], ModuleType]) -> ModuleType:
    files = emit_server.emit(read_contract(write(tmp_path, documents())))
    return load("small_server_wire", files[f"{emit_server.FOLDER}/wire.py"])


@pytest.fixture
def sdk_wire(tmp_path: Path, load: Callable[[str, str], ModuleType]) -> ModuleType:
    files = emit_sdk.emit(read_contract(write(tmp_path, documents())))
    return load("small_sdk_wire", files[f"{emit_sdk.FOLDER}/wire.py"])


def test_an_absent_property_with_a_default_is_the_default_and_is_written(
    server_wire: ModuleType, sdk_wire: ModuleType
) -> None:
    by_server = server.decode(server_wire.Leaf, json.dumps(LEAF))
    by_sdk = sdk.decode(sdk_wire.Leaf, json.dumps(LEAF))
    for leaf in (by_server, by_sdk):
        assert (leaf.color, leaf.weight, leaf.count, leaf.dry, leaf.title) == tuple(DEFAULTS.values())
    assert json.loads(server.encode(by_server)) == json.loads(sdk.encode(by_sdk)) == {**LEAF, **DEFAULTS}


def test_a_value_that_is_given_and_equals_the_default_is_written(server_wire: ModuleType, sdk_wire: ModuleType) -> None:
    text = json.dumps({**LEAF, **DEFAULTS})
    assert json.loads(server.encode(server.decode(server_wire.Leaf, text))) == json.loads(text)
    assert json.loads(sdk.encode(sdk.decode(sdk_wire.Leaf, text))) == json.loads(text)


@pytest.mark.parametrize("note", [{}, {"note": None}, {"note": {"deep": [None]}}])
def test_null_and_absent_are_two_things_where_any_json_is_allowed(
    note: dict[str, Any], server_wire: ModuleType, sdk_wire: ModuleType
) -> None:
    expected = {**LEAF, **DEFAULTS, **note}
    text = json.dumps(expected)
    assert json.loads(server.encode(server.decode(server_wire.Leaf, text))) == expected
    assert json.loads(sdk.encode(sdk.decode(sdk_wire.Leaf, text))) == expected
    assert json.loads(server.encode(server_wire.Leaf(label="a", **note))) == expected
    assert json.loads(sdk.encode(sdk_wire.Leaf(label="a", **note))) == expected


@pytest.mark.parametrize("name", ["seen_at", "leaf_id", "color", "count"])
def test_null_for_an_optional_property_is_refused_by_the_server(name: str, server_wire: ModuleType) -> None:
    with pytest.raises(pydantic.ValidationError):
        server.decode(server_wire.Leaf, json.dumps({**LEAF, name: None}))


def test_a_type_that_contains_itself_can_be_read(server_wire: ModuleType, sdk_wire: ModuleType) -> None:
    assert server.decode(server_wire.Node, json.dumps(NODE_EXAMPLE)).children[0].label == "a"
    assert sdk.decode(sdk_wire.Node, json.dumps(NODE_EXAMPLE)).children[0].label == "a"


def test_the_state_table_is_written_row_by_row(tmp_path: Path) -> None:
    files = emit_sdk.emit(read_contract(write(tmp_path, documents())))
    states = files[f"{emit_sdk.FOLDER}/states.py"]
    assert "(LampState.DARK, LampEvent.SWITCH): LampState.LIT," in states
    assert "LAMP_FINAL: Final = frozenset({LampState.BROKEN})" in states


def test_the_go_files_compile_and_keep_their_promises(tmp_path: Path) -> None:
    module = tmp_path / "go-sdk"
    for name, text in emit_go.emit(read_contract(write(tmp_path, documents()))).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    for name in ("go.mod", "doc.go", "decode.go", "operation.go"):
        shutil.copyfile(ROOT / "go-sdk" / name, module / name)
    (module / "small_test.go").write_text(GO_TEST)
    told = subprocess.run(["gofmt", "-l", "."], cwd=module, check=True, capture_output=True, text=True)
    assert told.stdout == ""
    done = subprocess.run(["go", "test", "./..."], cwd=module, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

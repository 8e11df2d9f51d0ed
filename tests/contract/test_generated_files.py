"""The committed generated files are those of the contract, and the tool says so when they or the examples are not."""

import subprocess
from pathlib import Path

import pytest

from tests.contract.golden import ROOT, contract
from tests.contract.small_contract import documents, write
from tools.contract.__main__ import main
from tools.contract.outputs import drifted, render


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    """A repository that holds the small contract and what is generated from it."""
    write(tmp_path, documents())
    assert main(["generate"], tmp_path) == 0
    return tmp_path


def test_the_committed_files_are_a_fresh_generation() -> None:
    assert drifted(ROOT, contract()) == []


def test_every_generated_file_says_so_in_its_first_line() -> None:
    assert [name for name, text in render(contract()).items() if "DO NOT EDIT." not in text.splitlines()[0]] == []


def test_the_go_files_are_in_the_layout_of_gofmt() -> None:
    names = [str(path) for path in sorted((ROOT / "go-sdk").glob("*.go"))]
    told = subprocess.run(["gofmt", "-l", *names], check=True, capture_output=True, text=True)
    assert told.stdout == ""


def test_check_is_content_with_a_fresh_generation(generated: Path) -> None:
    assert main(["check"], generated) == 0


@pytest.mark.parametrize("name", sorted(render(contract())))
def test_check_names_a_file_that_differs_by_a_byte(
    name: str, generated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = generated / name
    path.write_bytes(path.read_bytes() + b"\n")
    assert main(["check"], generated) == 1
    assert f"{name}: differs" in capsys.readouterr().err


def test_check_names_files_that_are_missing_or_left_over(generated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (generated / "go-sdk/wire.gen.go").unlink()
    leftover = generated / "server/src/tradewind/server/contract/_generated/older.py"
    leftover.write_text("")
    assert main(["check"], generated) == 1
    told = capsys.readouterr().err
    assert "go-sdk/wire.gen.go: differs" in told
    assert "_generated/older.py: differs" in told
    assert main(["generate"], generated) == 0
    assert not leftover.exists()


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("examples/Node.json", "examples/Node.json: a type that crosses the interface needs a valid example"),
        ("examples/ProblemReason.json", "ProblemReason: occurs in no valid example"),
    ],
)
def test_check_names_a_type_without_an_example(
    file: str, reason: str, generated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (generated / "schemas/head" / file).unlink()
    assert main(["check"], generated) == 1
    assert reason in capsys.readouterr().err


def test_check_names_a_type_without_an_invalid_example(generated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = documents()["examples/Node.json"]
    write(generated, {"examples/Node.json": {**node, "invalid": []}})
    assert main(["check"], generated) == 1
    assert "examples/Node.json: a type that crosses the interface needs an invalid example" in capsys.readouterr().err


def test_a_contract_outside_its_dialect_is_told_by_the_command(
    generated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = documents()
    files["things.json"]["$defs"]["Label"]["pattern"] = "a"
    write(generated, files)
    for command in ("generate", "check", "freeze"):
        assert main([command], generated) == 1
        assert "things.json#/$defs/Label: a pattern is anchored" in capsys.readouterr().err

"""A frozen version never changes: freezing is proven on a copy of the committed contract."""

import json
import shutil
from pathlib import Path

import pytest

from tests.contract.golden import HEAD, ROOT, contract
from tools.contract.__main__ import main
from tools.contract.outputs import render
from tools.contract.release import digests
from tools.contract.tables import read_contract


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """A copy of the contract with its generated files, frozen once."""
    shutil.copytree(HEAD, tmp_path / "schemas" / "head")
    for name in render(contract()):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    assert main(["check"], tmp_path) == 0
    assert main(["freeze"], tmp_path) == 0
    return tmp_path


def folder(root: Path) -> Path:
    return root / "schemas" / contract().version


def test_a_frozen_version_says_the_same_as_head_and_that_it_is_released(frozen: Path) -> None:
    released = read_contract(folder(frozen))
    head = contract()
    assert released.released
    assert (released.version, released.definitions, released.operations, released.machines) == (
        head.version,
        head.definitions,
        head.operations,
        head.machines,
    )
    assert digests(folder(frozen) / "examples") == digests(HEAD / "examples")


def test_check_holds_a_frozen_version(frozen: Path) -> None:
    assert main(["check"], frozen) == 0


@pytest.mark.parametrize("name", ["operations.json", "examples/Outcome.json"])
def test_a_changed_byte_in_a_frozen_version_is_caught(
    name: str, frozen: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder(frozen) / name
    path.write_bytes(path.read_bytes() + b" ")
    assert main(["check"], frozen) == 1
    assert f"schemas/{contract().version}/{name}: was changed" in capsys.readouterr().err


def test_files_added_to_or_removed_from_a_frozen_version_are_caught(
    frozen: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder(frozen) / "states.json").unlink()
    (folder(frozen) / "more.json").write_text("{}")
    assert main(["check"], frozen) == 1
    told = capsys.readouterr().err
    assert "states.json: was removed" in told
    assert "more.json: was added" in told


def test_a_frozen_version_that_is_gone_is_caught(frozen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(folder(frozen))
    assert main(["check"], frozen) == 1
    assert "operations.json: was removed" in capsys.readouterr().err


def test_a_dated_folder_that_nobody_froze_is_caught(frozen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(folder(frozen), frozen / "schemas" / "2031-05-05")
    assert main(["check"], frozen) == 1
    assert "schemas/2031-05-05: is not in released.json" in capsys.readouterr().err


def test_a_version_is_frozen_once(frozen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["freeze"], frozen) == 1
    assert "frozen already" in capsys.readouterr().err


def test_head_may_not_change_under_the_date_of_a_frozen_version(
    frozen: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = frozen / "schemas" / "head" / "states.json"
    path.write_bytes(path.read_bytes() + b"\n")
    assert main(["check"], frozen) == 1
    assert "give version.json a newer date" in capsys.readouterr().err
    newer = {"version": "2999-12-31", "released": False}
    (frozen / "schemas" / "head" / "version.json").write_text(json.dumps(newer))
    assert main(["generate"], frozen) == 0
    assert main(["check"], frozen) == 0


def test_nothing_is_frozen_while_anything_is_wrong(frozen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (frozen / "schemas" / "head" / "version.json").write_text('{"version": "2999-12-31", "released": false}')
    assert main(["freeze"], frozen) == 1
    assert "nothing was frozen" in capsys.readouterr().err
    assert not (frozen / "schemas" / "2999-12-31").exists()

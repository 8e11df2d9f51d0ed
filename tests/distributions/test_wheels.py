"""What the three wheels hold and what they need."""

import re
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVER_ONLY = {
    "alembic",
    "cryptography",
    "fastapi",
    "psycopg",
    "pydantic",
    "pyjwt",
    "sqlalchemy",
    "starlette",
    "uvicorn",
}


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, zipfile.ZipFile]:
    """Build each distribution's wheel from the tree."""
    folder = tmp_path_factory.mktemp("wheels")
    built: dict[str, zipfile.ZipFile] = {}
    for name in ("server", "task-sdk", "consolidated"):
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / name)]
        subprocess.run(command, cwd=ROOT / name, check=True, capture_output=True)
        (wheel,) = (folder / name).glob("*.whl")
        built[name] = zipfile.ZipFile(wheel)
    return built


def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def needed(wheel: zipfile.ZipFile) -> set[str]:
    """Name the distributions that a wheel needs, those of its extras left out."""
    lines = [str(line) for line in metadata(wheel).get_all("Requires-Dist") or []]
    return {re.split(r"[\s\[<>=!~;]", line)[0].lower() for line in lines if "extra ==" not in line}


def modules(wheel: zipfile.ZipFile) -> set[str]:
    return {name for name in wheel.namelist() if ".dist-info/" not in name}


def test_each_wheel_holds_its_own_part_of_the_namespace(wheels: dict[str, zipfile.ZipFile]) -> None:
    assert all(name.startswith("tradewind/server/") for name in modules(wheels["server"]))
    assert all(name.startswith("tradewind/sdk/") for name in modules(wheels["task-sdk"]))
    assert modules(wheels["consolidated"]) == set()


def test_each_wheel_carries_licence_and_type_mark(wheels: dict[str, zipfile.ZipFile]) -> None:
    for wheel in wheels.values():
        assert any(name.endswith("/licenses/LICENSE") for name in wheel.namelist())
    assert "tradewind/server/py.typed" in wheels["server"].namelist()
    assert "tradewind/sdk/py.typed" in wheels["task-sdk"].namelist()


def test_the_server_wheel_carries_its_migrations(wheels: dict[str, zipfile.ZipFile]) -> None:
    folder = "tradewind/server/store/migrations/"
    packed = {name for name in wheels["server"].namelist() if name.startswith(folder)}
    source = ROOT / "server" / "src"
    kept = [path for path in (source / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert kept
    assert {path.relative_to(source).as_posix() for path in kept} <= packed


def test_the_sdk_needs_nothing_of_the_server(wheels: dict[str, zipfile.ZipFile]) -> None:
    authoring = {"cronsim", "jinja2", "jsonschema", "pendulum", "tzdata"}
    assert needed(wheels["task-sdk"]) == authoring | {"click", "httpx", "msgspec", "websockets"}
    assert needed(wheels["task-sdk"]) & SERVER_ONLY == set()


def test_the_server_needs_nothing_of_the_sdk(wheels: dict[str, zipfile.ZipFile]) -> None:
    assert needed(wheels["server"]).isdisjoint({"tradewind", "tradewind-task-sdk", "msgspec", "httpx"})


def test_the_meta_package_needs_both_and_nothing_else(wheels: dict[str, zipfile.ZipFile]) -> None:
    assert needed(wheels["consolidated"]) == {"tradewind-server", "tradewind-task-sdk"}


def test_every_range_of_the_meta_package_holds_the_version_in_the_tree(wheels: dict[str, zipfile.ZipFile]) -> None:
    lines = [str(line) for line in metadata(wheels["consolidated"]).get_all("Requires-Dist") or []]
    for name in ("server", "task-sdk"):
        version = metadata(wheels[name])["Version"]
        major, minor, _ = (int(part) for part in re.findall(r"\d+", version)[:3])
        (line,) = (line for line in lines if line.startswith(f"tradewind-{name}"))
        assert f">={major}.{minor}" in line
        assert f"<{major}.{minor + 1}" in line

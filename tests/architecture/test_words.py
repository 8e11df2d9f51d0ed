"""The repository speaks of the product: not of the machine it was written on, nor of work left for later."""

import re

import pytest

from tests.architecture.repository import files, read

MACHINE_PATHS = re.compile("|".join(re.escape(f"/{folder}/") for folder in ("work", "root")))
LATER = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME")) + r")\b")
DATA = "examples/data/"


@pytest.mark.parametrize("pattern", [MACHINE_PATHS, LATER], ids=["machine path", "work left for later"])
def test_no_file_says(pattern: re.Pattern[str]) -> None:
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name in files()
        if not name.startswith(DATA)
        for number, line in enumerate((read(name) or "").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert found == []

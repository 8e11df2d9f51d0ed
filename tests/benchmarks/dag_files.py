"""Writes the DAG files that are measured, the same for every product: `wide.py` becomes `wide_1000.py`, and so on."""

import re
from collections.abc import Iterable
from pathlib import Path

TEMPLATES = Path(__file__).parent / "dags"
OURS = "tradewind.sdk"
DagFile = tuple[str, int]
"""Template and number of its tasks; of `five` the number is the file's own, for many of them."""


def dag_id(file: DagFile) -> str:
    """Name the DAG that a file holds."""
    template, size = file
    return f"{template}_{size}"


def write(folder: Path, files: Iterable[DagFile], *, sdk: str = OURS) -> None:
    """Write DAG files, and beside them the module by which their tasks leave marks.

    Args:
        folder: where the product looks for DAG files; made if it is not there.
        files: templates with sizes.
        sdk: module from which the product's DAG files import `DAG` and `task`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "marking.py").write_text((TEMPLATES / "marking.py").read_text())
    for file in files:
        (folder / f"{dag_id(file)}.py").write_text(source(file, sdk=sdk))


def source(file: DagFile, *, sdk: str = OURS) -> str:
    """Return the text of one DAG file."""
    template, size = file
    text = (TEMPLATES / f"{template}.py").read_text().replace(f"from {OURS} import", f"from {sdk} import")
    changed, count = re.subn(r"^SIZE = \d+$", f"SIZE = {size}", text, flags=re.MULTILINE)
    if count != 1:
        raise ValueError(f"{template}.py must have one line `SIZE = …`, not {count}")
    return changed

"""A file is found by guessing its name, so no file or class has a name that says nothing."""

import ast
import re
from pathlib import PurePath

from tests.architecture.repository import hand_written, read

SAYS_NOTHING = re.compile(r"(utils?|common|helpers?|misc|base|base_\w+|\w*_?managers?)$")
OF_AIRFLOW = "task-sdk/src/tradewind/sdk/standard/utils/"
"""DAG files import from it by the name that it has in Airflow; it holds what they import, and nothing of our own."""


def test_no_module_or_folder_is_named_for_nothing() -> None:
    parts = {name: [*PurePath(name).parent.parts, PurePath(name).stem] for name in hand_written(".py", ".go")}
    parts = {name: words for name, words in parts.items() if not name.startswith(OF_AIRFLOW)}
    assert [name for name, words in parts.items() if any(SAYS_NOTHING.match(word) for word in words)] == []


def test_no_class_is_a_manager_or_a_helper() -> None:
    found = [
        f"{name}: {node.name}"
        for name in hand_written(".py")
        for node in ast.walk(ast.parse(read(name) or ""))
        if isinstance(node, ast.ClassDef) and re.search(r"(Manager|Helper|Utils?)$", node.name)
    ]
    assert found == []


def test_the_namespace_belongs_to_no_distribution() -> None:
    assert [name for name in hand_written(".py") if name.endswith("src/tradewind/__init__.py")] == []

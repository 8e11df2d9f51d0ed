"""A file is found by guessing its name, so no file or class has a name that says nothing."""

import ast
import re
from pathlib import PurePath

from tests.architecture.repository import hand_written, read

SAYS_NOTHING = re.compile(r"(utils?|common|helpers?|misc|base|base_\w+|\w*_?managers?)$")


def test_no_module_or_folder_is_named_for_nothing() -> None:
    parts = {name: [*PurePath(name).parent.parts, PurePath(name).stem] for name in hand_written(".py", ".go")}
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

"""Imports files of a bundle: its root is on the path, and no bytecode is read from it or written into it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
)
from types import CodeType, ModuleType
from typing import Any

MODULE_PREFIX = "tradewind_dag_"
_NOT_OF_A_NAME = re.compile(r"\W")


class _SourceOnly(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


class BundlePath:
    """The root of a bundle as a place to import from.

    Args:
        root: absolute path of the directory.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self._modules_before: set[str] = set()
        self._path_before: list[str] = []

    def remember(self) -> None:
        """Note what `remove` leaves. In a just forked process it costs a copy of each page that holds a name."""
        self._modules_before = set(sys.modules)
        self._path_before = list(sys.path)

    def install(self) -> None:
        """Make `import` find the bundle's files.

        What is installed comes first, as in Airflow: a DAG file `docker.py` does not hide the package that it uses.
        """
        sys.path_hooks.insert(0, self._find)
        sys.path.append(self.root)
        self._forget_finders()

    def remove(self) -> None:
        """Go back to what `remember` found, and forget the modules of the bundle."""
        sys.path_hooks.remove(self._find)
        sys.path[:] = self._path_before
        self._forget_finders()
        for name, module in list(sys.modules.items()):
            if name not in self._modules_before and self._holds(module):
                del sys.modules[name]

    def contains(self, path: str) -> bool:
        """Whether an absolute path lies in the bundle."""
        return path == self.root or path.startswith(self.root + os.sep)

    def _find(self, path: str) -> Any:
        if not self.contains(path) or not os.path.isdir(path):  # noqa: PTH112 - strings, as the import system has them
            raise ImportError(path)
        return FileFinder(path, (ExtensionFileLoader, EXTENSION_SUFFIXES), (_SourceOnly, SOURCE_SUFFIXES))

    def _forget_finders(self) -> None:
        for path in list(sys.path_importer_cache):
            if self.contains(path):
                del sys.path_importer_cache[path]

    def _holds(self, module: ModuleType) -> bool:
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            return self.contains(file)
        try:
            return any(self.contains(str(place)) for place in getattr(module, "__path__", ()))
        except Exception:  # noqa: BLE001 - a foreign module may answer anything to a question for its path
            return False


@contextmanager
def bundle_on_path(root: str) -> Iterator[BundlePath]:
    """Import from the bundle meanwhile, and leave this process as it was."""
    path = BundlePath(root)
    directory = _working_directory()
    path.remember()
    path.install()
    try:
        yield path
    finally:
        path.remove()
        if directory is not None:
            os.chdir(directory)


def _working_directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - strings, as the import system has them
    except FileNotFoundError:  # it was deleted; there is nothing to come back to
        return None


@cache
def keep_bundle_on_path(root: str) -> None:
    """Import from the bundle from now on."""
    BundlePath(root).install()


def import_dag_file(root: str, file: str) -> ModuleType:
    """Import a DAG file under a name that no other file has.

    Args:
        root: absolute path of the bundle; it must be on the path.
        file: path of the file below it, with forward slashes.
    """
    name = module_name(file)
    path = os.path.join(root, file)  # noqa: PTH118 - strings, as the import system has them
    spec = importlib.util.spec_from_file_location(name, path, loader=_SourceOnly(name, path))
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def module_name(file: str) -> str:
    """The name that a DAG file is imported under: the same wherever its bundle lies."""
    stem = _NOT_OF_A_NAME.sub("_", file.rsplit("/", 1)[-1].removesuffix(".py"))
    return f"{MODULE_PREFIX}{hashlib.sha256(file.encode()).hexdigest()[:12]}_{stem}"

"""Virtual environments for tasks: made for one try, or kept by what is in them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tradewind.sdk.exceptions import TradewindException
from tradewind.sdk.standard.shell import ShellCommand

_COMPLETE = "tradewind_complete.json"


@dataclass(frozen=True)
class EnvironmentRecipe:
    """What a virtual environment is made of.

    Attributes:
        requirements: lines of a requirements file.
        python_version: such as `3.12`; that of the worker when None.
        system_site_packages: whether it sees the packages of the interpreter that makes it.
        pip_install_options: options of `pip install`.
        index_urls: package indexes in place of the usual one, the first one first.
    """

    requirements: tuple[str, ...]
    python_version: str | None = None
    system_site_packages: bool = True
    pip_install_options: tuple[str, ...] = ()
    index_urls: tuple[str, ...] | None = None

    @property
    def digest(self) -> str:
        """Identity of what is in it: equal recipes give equal environments. Credentials in URLs are part of it."""
        said = [
            list(self.requirements),
            self.python_version or sys.version,
            self.system_site_packages,
            list(self.pip_install_options),
            None if self.index_urls is None else list(self.index_urls),
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]

    def interpreter(self) -> str:
        """The interpreter that makes the environment.

        Raises:
            TradewindException: this worker has none of that version.
        """
        if self.python_version is None:
            return sys.executable
        found = shutil.which(f"python{self.python_version}")
        if found is None:
            program = f"python{self.python_version}"
            raise TradewindException(f"python_version={self.python_version!r}: no {program} is on this PATH.")
        return found

    def make(self, folder: Path, on_line: Callable[[str], None]) -> str:
        """Make the environment in a folder and return its interpreter.

        Raises:
            TradewindException: it cannot be made, or something cannot be installed.
        """
        options = ["--system-site-packages"] if self.system_site_packages else []
        bare = [] if self.requirements else ["--without-pip"]
        _call([self.interpreter(), "-m", "venv", *options, *bare, str(folder)], {}, on_line)
        python = str(folder / "bin" / "python")
        if self.requirements:
            listed = folder / "requirements.txt"
            listed.write_text("\n".join(self.requirements) + "\n", encoding="utf-8")
            command = [python, "-m", "pip", "install", "--disable-pip-version-check", "-r", str(listed)]
            _call([*command, *self.pip_install_options], self._indexes(), on_line)
        return python

    def _indexes(self) -> dict[str, str]:
        # By the environment, not by arguments: a URL may hold a password, and arguments are seen by everybody.
        if not self.index_urls:
            return {}
        first, *others = self.index_urls
        return {"PIP_INDEX_URL": first, **({"PIP_EXTRA_INDEX_URL": " ".join(others)} if others else {})}


@contextmanager
def environment_for(recipe: EnvironmentRecipe, cache: str | None, on_line: Callable[[str], None]) -> Iterator[str]:
    """The interpreter of an environment made by a recipe.

    Args:
        recipe: what is in it.
        cache: folder to keep environments in; without one it is gone afterwards.
        on_line: called with each line that the installation writes.

    Raises:
        TradewindException: it cannot be made.
    """
    if cache is None:
        with tempfile.TemporaryDirectory(prefix="tradewind-venv") as folder:
            yield recipe.make(Path(folder), on_line)
        return
    yield _kept(recipe, Path(cache), on_line)


def _kept(recipe: EnvironmentRecipe, cache: Path, on_line: Callable[[str], None]) -> str:
    """The environment of the cache, made now if it is not there; tries that need the same one wait for each other."""
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"venv-{recipe.digest}"
    with (cache / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / _COMPLETE).exists():
            # What a killed try left half-done is made anew.
            shutil.rmtree(folder, ignore_errors=True)
            recipe.make(folder, on_line)
            (folder / _COMPLETE).write_text(json.dumps(list(recipe.requirements)), encoding="utf-8")
    return str(folder / "bin" / "python")


def _call(arguments: Sequence[str], more: Mapping[str, str], on_line: Callable[[str], None]) -> None:
    environment = {**os.environ, **more}
    command = ShellCommand(arguments, environment=environment, directory=tempfile.gettempdir(), encoding="utf-8")
    code = command.run(on_line).exit_code
    if code:
        shown = " ".join(arguments[:4])
        raise TradewindException(f"The virtual environment cannot be made: {shown} … exited with {code}.")

"""The figure of what a task author installs: an SDK alone in an environment of its own."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.measuring import Numbers, percentile
from tests.benchmarks.sizes import Sizes

ROOT = Path(__file__).parents[2]
_MEGABYTE = 1_000_000
_BLOCK_BYTES = 512

_IMPORT = """
import json, re, time
begun = time.perf_counter()
from {module} import DAG, dag, task
seconds = time.perf_counter() - begun
resident = re.search(r"VmRSS:\\s+(\\d+) kB", open("/proc/self/status").read())
print(json.dumps([seconds, int(resident[1]) / 1024]))
"""


@dataclass(frozen=True)
class Sdk:
    """What is installed, and from which module a DAG file imports.

    Attributes:
        requirement: as pip takes it; None builds this repository's.
        module: holds `DAG`, `dag` and `task`.
    """

    requirement: str | None
    module: str


OURS = Sdk(None, "tradewind.sdk")


def sdk_alone(sdk: Sdk, sizes: Sizes) -> Numbers:
    """Install an SDK and what it needs, nothing else, and import from it what each DAG file imports."""
    with tempfile.TemporaryDirectory(prefix="benchmark-sdk-") as name:
        folder = Path(name)
        environment, python = folder / "environment", folder / "environment" / "bin" / "python"
        _run([sys.executable, "-m", "venv", "--without-pip", str(environment)])
        _install(python, sdk.requirement or str(_build_wheel(folder)))
        bare = _megabytes(environment)
        _run([str(python), "-m", "compileall", "-q", str(environment / "lib")], may_fail=True)
        numbers = {
            "distributions": float(len(list(environment.glob("lib/python*/site-packages/*.dist-info")))),
            "disk_mb": bare,
            "disk_with_bytecode_mb": _megabytes(environment),
        }
        script = _IMPORT.format(module=sdk.module)
        # The first one reads everything from disk and makes what a first use makes.
        imports = [_imported(python, script, folder) for _ in range(sizes.imports + 1)][1:]
    return {
        **numbers,
        "import_p50_ms": 1000 * percentile([seconds for seconds, _ in imports], 0.5),
        "import_max_ms": 1000 * max(seconds for seconds, _ in imports),
        "rss_after_import_mb": percentile([resident for _, resident in imports], 0.5),
    }


def _build_wheel(folder: Path) -> Path:
    target = folder / "wheel"
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)], directory=ROOT / "task-sdk")
    (wheel,) = target.glob("*.whl")
    return wheel


def _install(python: Path, requirement: str) -> None:
    """Install into an environment that has no installer of its own, without byte code."""
    if uv := shutil.which("uv"):
        _run([uv, "pip", "install", "-q", "--python", str(python), requirement])
    else:
        pip = [sys.executable, "-m", "pip", "--python", str(python)]
        _run([*pip, "install", "-q", "--no-compile", "--disable-pip-version-check", requirement])


def _imported(python: Path, script: str, home: Path) -> tuple[float, float]:
    """Import in a fresh interpreter: the seconds that it took, and the memory of the interpreter then in MiB."""
    seconds, resident = json.loads(_run([str(python), "-c", script], home=home).splitlines()[-1])
    return seconds, resident


def _megabytes(folder: Path) -> float:
    """Return the disk space of a folder; the interpreter is linked to, not a part of it."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_blocks * _BLOCK_BYTES for path in files) / _MEGABYTE


def _run(command: Sequence[str], *, directory: Path = ROOT, home: Path | None = None, may_fail: bool = False) -> str:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home)} if home else None
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    if done.returncode and not may_fail:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout

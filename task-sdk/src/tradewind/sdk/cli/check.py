"""`tradewind dags check`: a DAG file is imported in a process of its own, so that it can hurt nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

GRACE_SECONDS = 5.0
_PROGRAM = """
import sys
from pathlib import Path
from tradewind.sdk.contract import encode
from tradewind.sdk.parsing import parse_file
answer = open(int(sys.argv[4]), "wb")
answer.write(encode(parse_file(Path(sys.argv[1]), sys.argv[2], timeout_seconds=float(sys.argv[3]))))
answer.close()
"""


def check_file(file: Path, timeout: float) -> dict[str, Any]:
    """Import one DAG file as a worker would, its folder standing for the bundle.

    Args:
        file: path of the DAG file.
        timeout: seconds that the import may take.

    Returns:
        `file`, `dags` (each with `dag_id` and the number of its `tasks`) and `error` (a `DagImportError` or None).
    """
    if not file.is_file():
        return _failed(file, "FileNotFoundError", "there is no such file")
    try:
        raw, ending = _run(file.absolute(), timeout)
    except subprocess.TimeoutExpired:
        return _failed(file, "DagFileTimeout", f"the import took longer than {timeout:g} s and did not give way")
    if not raw:
        return _failed(file, "ProcessDied", f"the import ended its process {ending}")
    from tradewind.sdk.contract import FileParsed, decode

    parsed = decode(FileParsed, raw)
    error = parsed.error
    return {
        "file": str(file),
        "dags": [{"dag_id": dag.dag_id, "tasks": len(dag.tasks)} for dag in parsed.dags],
        "error": error and {"file": error.file, "line": error.line, "type": error.type, "message": error.message},
    }


def _run(file: Path, timeout: float) -> tuple[bytes, str]:
    """What the process answered, and in words how it ended."""
    import os
    import tempfile

    with tempfile.TemporaryFile() as answer:
        descriptor = answer.fileno()
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(file.parent), file.name, str(timeout), str(descriptor)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=timeout + GRACE_SECONDS,
            pass_fds=[descriptor],
            check=False,
        )
        os.lseek(descriptor, 0, os.SEEK_SET)
        return answer.read(), _ending(done.returncode, done.stderr.decode(errors="replace").strip())


def _ending(code: int, errors: str) -> str:
    import signal

    how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    return f"{how}: {errors[-500:]}" if errors else how


def _failed(file: Path, kind: str, message: str) -> dict[str, Any]:
    return {"file": str(file), "dags": [], "error": {"file": str(file), "line": None, "type": kind, "message": message}}

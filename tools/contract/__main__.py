"""`python -m tools.contract generate|check|freeze`, run from the root of the repository."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.contract import examples, outputs, release
from tools.contract.tables import read_contract


def main(arguments: list[str], root: Path) -> int:
    """Runs one command on the repository at `root`; gives the exit code, 1 for anything found wrong."""
    parser = argparse.ArgumentParser(prog="python -m tools.contract", description=__doc__)
    parser.add_argument("command", choices=["generate", "check", "freeze"])
    command = parser.parse_args(arguments).command
    try:
        faults = {"generate": generate, "check": check, "freeze": freeze}[command](root)
    except ExceptionGroup as group:
        faults = [str(error) for error in group.exceptions]
    except (ValueError, OSError) as error:
        faults = [str(error)]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def generate(root: Path) -> list[str]:
    """Writes the generated files."""
    changed = outputs.write(root, read_contract(root / "schemas" / "head"))
    print("\n".join(f"wrote {name}" for name in changed) or "everything was up to date")
    return []


def check(root: Path) -> list[str]:
    """Everything that is wrong with examples, generated files and frozen folders."""
    head = root / "schemas" / "head"
    contract = read_contract(head)
    remedy = "differs from a fresh generation; run 'python -m tools.contract generate'"
    drift = [f"{name}: {remedy}" for name in outputs.drifted(root, contract)]
    return [*examples.faults(head, contract), *drift, *release.faults(root / "schemas", contract)]


def freeze(root: Path) -> list[str]:
    """Releases head as the version that its version.json names, unless anything is wrong with it."""
    if faults := check(root):
        return [*faults, "nothing was frozen"]
    contract = read_contract(root / "schemas" / "head")
    print(f"froze schemas/{release.freeze(root / 'schemas', contract)}")
    return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path.cwd()))

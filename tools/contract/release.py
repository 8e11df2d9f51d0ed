"""Freezes a version of the contract and notices when a frozen one was touched."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from tools.contract.contract_model import Contract
from tools.contract.json_files import load

RECORD = "released.json"
VERSION = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
HEAD_ID = '"https://tradewind.dev/schemas/head/'


def freeze(schemas: Path, contract: Contract) -> str:
    """Copies head to the folder of its version and records the digests of the copy.

    The copy differs from head in two things only: its `$id`s name the version, and its version.json says released.

    Args:
        schemas: the folder that holds head and the released versions.
        contract: head, already read.

    Returns:
        The version.

    Raises:
        ValueError: the version exists already.
    """
    target = schemas / contract.version
    if target.exists() or contract.version in released(schemas):
        raise ValueError(f"version {contract.version} is frozen already; give head/version.json a newer date")
    for name, content in _as_frozen(schemas / "head", contract.version).items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    record = {**released(schemas), contract.version: digests(target)}
    (schemas / RECORD).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", "utf-8")
    return contract.version


def faults(schemas: Path, contract: Contract) -> list[str]:
    """What is wrong with the released versions and with head beside them, a sentence each."""
    record = released(schemas)
    found: list[str] = []
    if contract.version in record:
        would_be = {name: _digest(content) for name, content in _as_frozen(schemas / "head", contract.version).items()}
        if would_be != record[contract.version]:
            found.append(f"schemas/head: differs from the frozen {contract.version}; give version.json a newer date")
    dated = sorted(path.name for path in schemas.iterdir() if re.fullmatch(VERSION, path.name))
    remedy = f"is not in {RECORD}; versions are frozen by 'python -m tools.contract freeze'"
    found += [f"schemas/{folder}: {remedy}" for folder in dated if folder not in record]
    for version, frozen in record.items():
        now = digests(schemas / version)
        for name in sorted(frozen.keys() | now.keys()):
            if name not in now:
                found.append(f"schemas/{version}/{name}: was removed from a frozen version")
            elif name not in frozen:
                found.append(f"schemas/{version}/{name}: was added to a frozen version")
            elif now[name] != frozen[name]:
                found.append(f"schemas/{version}/{name}: was changed in a frozen version")
    return found


def released(schemas: Path) -> dict[str, dict[str, str]]:
    """Version to file to SHA-256, for every frozen version."""
    path = schemas / RECORD
    record: dict[str, dict[str, str]] = load(path) if path.exists() else {}
    return record


def digests(folder: Path) -> dict[str, str]:
    """File to SHA-256 in hexadecimal, for all files below a folder."""
    return {path.relative_to(folder).as_posix(): _digest(path.read_bytes()) for path in _files(folder)}


def _as_frozen(head: Path, version: str) -> dict[str, bytes]:
    own_id = f'"https://tradewind.dev/schemas/{version}/'
    contents = {
        path.relative_to(head).as_posix(): path.read_text("utf-8").replace(HEAD_ID, own_id).encode("utf-8")
        for path in _files(head)
    }
    text = json.dumps({"version": version, "released": True}, indent=2) + "\n"
    return {**contents, "version.json": text.encode("utf-8")}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())

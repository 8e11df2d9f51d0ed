"""All generated files of the repository, and their comparison with what is there."""

from __future__ import annotations

from pathlib import Path

from tools.contract import emit_go, emit_sdk, emit_server
from tools.contract.contract_model import Contract


def render(contract: Contract) -> dict[str, str]:
    """Path relative to the repository to text."""
    return {**emit_server.emit(contract), **emit_sdk.emit(contract), **emit_go.emit(contract)}


def write(root: Path, contract: Contract) -> list[str]:
    """Writes every generated file that differs; gives the paths of those."""
    changed = drifted(root, contract)
    files = render(contract)
    for name in changed:
        path = root / name
        if name in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[name], "utf-8")
        else:
            path.unlink()
    return changed


def drifted(root: Path, contract: Contract) -> list[str]:
    """Generated files that are missing, differ by a byte, or should not be there."""
    files = render(contract)
    differing = [
        name
        for name, text in files.items()
        if not (root / name).is_file() or (root / name).read_bytes() != text.encode("utf-8")
    ]
    folders = {str(Path(name).parent) for name in files if "_generated" in name}
    leftover = [
        str(path.relative_to(root))
        for folder in sorted(folders)
        for path in sorted((root / folder).glob("*.py"))
        if str(path.relative_to(root)) not in files
    ]
    return differing + leftover

"""The command line and a server for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.client.loopback import loopback


@pytest.fixture
def tradewind(tmp_path: Path) -> Iterator[Program]:
    """The command, whose server is on this machine."""
    with loopback() as server:
        yield Program(server, tmp_path)

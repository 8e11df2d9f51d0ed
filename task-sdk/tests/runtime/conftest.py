"""A bench that runs tasks."""

from pathlib import Path

import pytest

from tests.runtime.activities import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Runs tasks of one DAG file against a control plane in memory."""
    return Bench(tmp_path)

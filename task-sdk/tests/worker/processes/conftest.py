"""No test of this folder may leave a process behind."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tradewind.sdk.worker import process_tree


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    before = {(process.pid, process.start_ticks) for process in process_tree.descendants(os.getpid())}
    yield
    after = process_tree.descendants(os.getpid())
    assert [process for process in after if (process.pid, process.start_ticks) not in before] == []

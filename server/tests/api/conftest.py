"""Runs scenarios against a deployment of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from tests.api.deployment import Deployment, deployed

Scenario: TypeAlias = Callable[[Deployment], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    """Play a scenario; keywords are sections of settings."""

    def run(scenario: Scenario, **sections: Any) -> None:
        async def play() -> None:
            async with deployed(tmp_path, **sections) as deployment:
                await scenario(deployment)

        asyncio.run(play())

    return run

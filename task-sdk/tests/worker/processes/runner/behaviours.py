"""What a task may do to its process."""

from __future__ import annotations

import dataclasses
from typing import Any

from tradewind.sdk.worker.channel import Channel


@dataclasses.dataclass
class Call:
    channel: Channel
    log_descriptor: int
    loaded: Any


def nothing(call: Call) -> None:
    pass

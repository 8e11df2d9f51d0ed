"""Identities that sort by the time of their making: UUID version 7 (RFC 9562)."""

from __future__ import annotations

import os
import time


def uuid7() -> str:
    """A fresh identity: 48 bits of milliseconds, 12 bits of finer time, 62 random bits.

    Keys that grow with time keep inserts at one end of an index.
    """
    nanoseconds = time.time_ns()
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    fraction = rest * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    value = (milliseconds & ((1 << 48) - 1)) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

# Code generated from schemas/head by tools.contract. DO NOT EDIT.
"""Version of the contract that this distribution speaks."""

from __future__ import annotations


VERSION = "2026-12-01"
RELEASED = False

__all__ = [
    "RELEASED",
    "VERSION",
]

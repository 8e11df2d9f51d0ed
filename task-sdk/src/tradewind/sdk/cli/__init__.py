"""The `tradewind` command."""

from tradewind.sdk.cli.main import main

__all__ = ["main"]

"""Commands of the control plane: `tradewind-server`, and what it adds to `tradewind`."""

from tradewind.server.cli.main import commands, main

__all__ = ["commands", "main"]

"""Calls of the operations of the contract: what to call, over which way, and how it is refused."""

"""Brings ready work and free capacity together: claims, builds what travels, and hands it to executors."""

from tradewind.server.dispatcher.dispatcher import Dispatcher

__all__ = ["Dispatcher"]

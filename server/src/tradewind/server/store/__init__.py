"""The metadata database: the only package that says SQL."""

from tradewind.server.store.errors import StoreError
from tradewind.server.store.hints import Subscription
from tradewind.server.store.options import StoreOptions
from tradewind.server.store.store import Store
from tradewind.server.store.transaction import Transaction

__all__ = ["Store", "StoreError", "StoreOptions", "Subscription", "Transaction"]

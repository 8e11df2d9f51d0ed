"""The base of all operators, and the shorthands for many dependencies at once."""

from tradewind.sdk.authoring.edges import chain, chain_linear, cross_downstream
from tradewind.sdk.authoring.operator import BaseOperator

__all__ = ["BaseOperator", "chain", "chain_linear", "cross_downstream"]

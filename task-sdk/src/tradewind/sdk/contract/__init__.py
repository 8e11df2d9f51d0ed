# ruff: noqa: F403 - this module only re-exports; each module below lists its public names
"""The contract as the SDK speaks it: models, operations and state tables of `schemas/`.

Everything that crosses the interface is read with `decode` and written with `encode`.
"""

from tradewind.sdk.contract._generated.operations import *
from tradewind.sdk.contract._generated.states import *
from tradewind.sdk.contract._generated.version import *
from tradewind.sdk.contract._generated.wire import *
from tradewind.sdk.contract.codec import *
from tradewind.sdk.contract.operation import *

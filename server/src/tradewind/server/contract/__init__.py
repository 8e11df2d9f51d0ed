# ruff: noqa: F403 - this module only re-exports; each module below lists its public names
"""The contract as the server speaks it: models, operations and state tables of `schemas/`.

Everything that crosses the interface is read with `decode` and written with `encode`; no other way refuses and
omits what the contract says.
"""

from tradewind.server.contract._generated.operations import *
from tradewind.server.contract._generated.states import *
from tradewind.server.contract._generated.version import *
from tradewind.server.contract._generated.wire import *
from tradewind.server.contract.codec import *
from tradewind.server.contract.model import *
from tradewind.server.contract.operation import *

"""What children run in these tests: the assignment names a function of this module or of the file, and its arguments."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import behaviours

from tradewind.sdk.worker.channel import Channel


def load_dag_file(snapshot_directory: str, file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("dag_file", Path(snapshot_directory) / file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["dag_file"] = module
    spec.loader.exec_module(module)
    return module


def run_activity(assignment: bytes, channel: Channel, log_descriptor: int, loaded: object | None) -> bytes:
    instruction = json.loads(assignment)
    if "file" in instruction and loaded is None:
        loaded = load_dag_file(instruction["directory"], instruction["file"])
    call = behaviours.Call(channel=channel, log_descriptor=log_descriptor, loaded=loaded)
    result: Any = getattr(behaviours, instruction["do"])(call, **instruction.get("with", {}))
    return json.dumps({"result": result}).encode()

"""A small contract that uses every construct of the dialect, to be changed by tests that may not touch the real one."""

import copy
import json
from pathlib import Path
from typing import Any

NODE_EXAMPLE = {"kind": "branch", "children": [{"kind": "leaf", "label": "a", "color": "blue", "note": None}]}

DOCUMENTS: dict[str, Any] = {
    "things.json": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://tradewind.dev/schemas/head/things.json",
        "description": "Trees.",
        "$defs": {
            "Label": {"type": "string", "description": "A short word.", "pattern": "^[a-z]+$", "maxLength": 9},
            "JsonValue": {"description": "Any JSON value."},
            "Color": {"type": "string", "description": "A color.", "enum": ["red", "blue"]},
            "LampState": {"type": "string", "description": "State of a lamp.", "enum": ["dark", "lit", "broken"]},
            "ProblemReason": {"type": "string", "description": "Word of a refusal.", "enum": ["not_found"]},
            "Leaf": {
                "type": "object",
                "description": "The end of a branch.",
                "properties": {
                    "kind": {"const": "leaf"},
                    "label": {"$ref": "#/$defs/Label"},
                    "color": {"$ref": "#/$defs/Color", "default": "red"},
                    "weight": {"type": "number", "exclusiveMinimum": 0, "default": 1.5},
                    "count": {"type": "integer", "minimum": 0, "maximum": 10000, "default": 3000},
                    "dry": {"type": "boolean", "default": False},
                    "title": {"type": "string", "description": 'In "quotes" and \\slashes.', "default": 'un"titled'},
                    "note": {"$ref": "#/$defs/JsonValue"},
                    "seen_at": {"type": "string", "format": "date-time"},
                    "leaf_id": {"type": "string", "format": "uuid"},
                },
                "required": ["kind", "label"],
                "additionalProperties": False,
            },
            "Branch": {
                "type": "object",
                "description": "Holds more.",
                "properties": {
                    "kind": {"const": "branch"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}, "minItems": 0, "maxItems": 9},
                    "by_name": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Node"}},
                },
                "required": ["kind", "children"],
                "additionalProperties": False,
            },
            "Node": {
                "description": "A tree.",
                "oneOf": [{"$ref": "#/$defs/Leaf"}, {"$ref": "#/$defs/Branch"}],
                "discriminator": {"propertyName": "kind"},
            },
        },
    },
    "operations.json": {
        "description": "What can be done.",
        "operations": [
            {
                "id": "put_node",
                "summary": "Plant it.",
                "method": "PUT",
                "path": "/trees/{label}",
                "caller": "activity",
                "from_task": True,
                "parameters": [
                    {"name": "label", "in": "path", "required": True, "schema": {"$ref": "things.json#/$defs/Label"}},
                    {"name": "depth", "in": "query", "required": False, "schema": {"type": "integer", "minimum": 1}},
                ],
                "request": {"type": "Node"},
                "response": {"media": "text/plain"},
                "status": 200,
                "refusals": ["not_found"],
            }
        ],
    },
    "states.json": {
        "description": "States.",
        "machines": {
            "lamp": {
                "initial": "dark",
                "final": ["broken"],
                "transitions": [
                    {"from": "dark", "event": "switch", "to": "lit", "when": "it has power"},
                    {"from": "lit", "event": "drop", "to": "broken", "when": "it falls"},
                ],
            }
        },
    },
    "version.json": {"version": "2030-01-31", "released": False},
    "examples/Node.json": {
        "type": "Node",
        "valid": [{"name": "a tree", "value": NODE_EXAMPLE}],
        "invalid": [{"name": "no kind", "value": {}, "refused_by": "both", "because": "kind tells what it is"}],
    },
    "examples/ProblemReason.json": {
        "type": "ProblemReason",
        "valid": [{"name": "a word", "value": "not_found"}],
        "invalid": [],
    },
}


def documents() -> dict[str, Any]:
    """The files of the contract by name, free to be changed."""
    return copy.deepcopy(DOCUMENTS)


def write(root: Path, files: dict[str, Any]) -> Path:
    """Writes the files as the head of a repository at `root`; gives its folder."""
    head = root / "schemas" / "head"
    for name, document in files.items():
        path = head / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2), "utf-8")
    return head

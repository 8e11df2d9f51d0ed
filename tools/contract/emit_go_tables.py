"""Writes the Go tables: operations, and the types by name for the golden test."""

from __future__ import annotations

import json

from tools.contract.contract_model import Body, Contract, Operation
from tools.contract.go_text import MARK, aligned, go_name


def operations_file(contract: Contract) -> str:
    """The rows of the operations and the version of the contract."""
    lines = [MARK, "", "package tradewind", "", "// Version of the contract that this module speaks."]
    lines += [f"const Version = {json.dumps(contract.version)}", "", "// Operations by id."]
    lines += ["var Operations = map[string]Operation{"]
    for operation in contract.operations:
        lines += [f"\t{json.dumps(operation.id)}: {{", *aligned(_operation(operation), "\t\t"), "\t},"]
    return "\n".join([*lines, "}", ""])


def _operation(row: Operation) -> dict[str, str]:
    parameters = [
        f"{{{json.dumps(entry.name)}, {json.dumps(entry.location)}, {json.dumps(entry.required)}}}"
        for entry in row.parameters
    ]
    return {
        "ID": json.dumps(row.id),
        "Summary": json.dumps(row.summary, ensure_ascii=False),
        "Method": json.dumps(row.method),
        "Path": json.dumps(row.path),
        "Caller": json.dumps(row.caller),
        "FromTask": json.dumps(row.from_task),
        "Parameters": f"[]Parameter{{{', '.join(parameters)}}}",
        "Request": _body(row.request),
        "Response": _body(row.response),
        "Status": str(row.status),
        "Refusals": f"[]ProblemReason{{{', '.join('ProblemReason' + go_name(reason) for reason in row.refusals)}}}",
    }


def _body(body: Body | None) -> str:
    if body is None:
        return "Body{}"
    given = {"Type": go_name(body.type) if body.type else None, "Media": body.media, "Stream": body.stream}
    return f"Body{{{', '.join(f'{key}: {json.dumps(value)}' for key, value in given.items() if value)}}}"


def constructors_file(contract: Contract) -> str:
    """What the golden test needs: a constructor for each type, by its name in `schemas/`."""
    pairs = {json.dumps(name): f"func() any {{ return new({go_name(name)}) }}" for name in contract.definitions}
    head = [
        MARK,
        "",
        "package tradewind",
        "",
        "// constructors gives an empty value of each type by its name in schemas/.",
    ]
    return "\n".join([*head, "var constructors = map[string]func() any{", *aligned(pairs, "\t"), "}", ""])

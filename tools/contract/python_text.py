"""What the two Python emitters share: the mark of generated files, names, docstrings, enumerations, state tables."""

from __future__ import annotations

from collections.abc import Iterable

from tools.contract.contract_model import Contract, Enumeration, Machine, Operation

MARK = "Code generated from schemas/head by tools.contract. DO NOT EDIT."
INDENT = "    "


def module_head(summary: str, *imports: str) -> list[str]:
    """First lines of a generated module."""
    return [f"# {MARK}", f'"""{summary}"""', "", "from __future__ import annotations", "", *imports, ""]


def docstring(text: str, indent: str = INDENT) -> str:
    """A one-line docstring."""
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'{indent}"""{escaped}{" " if escaped.endswith(chr(34)) else ""}"""'


def quoted(text: str) -> str:
    """A Python string literal in double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def member(enumeration: str, value: str) -> str:
    """The expression for one value of an enumeration."""
    return f"{enumeration}.{value.upper()}"


def enumeration(definition: Enumeration) -> list[str]:
    """The class of an enumeration."""
    values = [f"{INDENT}{value.upper()} = {quoted(value)}" for value in definition.values]
    return ["", f"class {definition.name}(enum.StrEnum):", docstring(definition.description), "", *values, ""]


def exported(names: Iterable[str]) -> list[str]:
    """The list of public names."""
    return ["", "__all__ = [", *(f"{INDENT}{quoted(name)}," for name in sorted(names)), "]"]


def pascal(name: str) -> str:
    """`task_instance` as `TaskInstance`."""
    return "".join(word.capitalize() for word in name.split("_"))


def version_module(contract: Contract) -> str:
    """The module that says which version of the contract the models are."""
    lines = module_head("Version of the contract that this distribution speaks.")
    lines += [
        f"VERSION = {quoted(contract.version)}",
        f"RELEASED = {contract.released}",
        *exported(["VERSION", "RELEASED"]),
    ]
    return "\n".join([*lines, ""])


def package_module() -> str:
    """The package of the generated modules."""
    return f'# {MARK}\n"""Generated from the contract; import it through the package above."""\n'


def states_module(contract: Contract, package: str) -> str:
    """The transition tables as constants."""
    states = sorted(machine.states for machine in contract.machines)
    lines = module_head(
        "State tables: (state, event) to state.",
        "import enum",
        "from collections.abc import Mapping",
        "from typing import Final",
        "",
        f"from {package}._generated.wire import {', '.join(states)}",
    )
    names: list[str] = []
    for machine in contract.machines:
        lines += _machine(machine)
        upper = machine.name.upper()
        names += [f"{pascal(machine.name)}Event", f"{upper}_INITIAL", f"{upper}_FINAL", f"{upper}_TRANSITIONS"]
    return "\n".join([*lines, *exported(names), ""])


def _machine(machine: Machine) -> list[str]:
    events, upper = f"{pascal(machine.name)}Event", machine.name.upper()
    subject = machine.name.replace("_", " ")
    lines = enumeration(Enumeration(events, f"What can happen to the state of a {subject}.", machine.events))
    final = ", ".join(member(machine.states, state) for state in machine.final)
    lines += [
        "",
        f"{upper}_INITIAL: Final = {member(machine.states, machine.initial)}",
        f"{upper}_FINAL: Final = frozenset({{{final}}})",
        f"{upper}_TRANSITIONS: Final[Mapping[tuple[{machine.states}, {events}], {machine.states}]] = {{",
    ]
    for row in machine.transitions:
        key = f"({member(machine.states, row.source)}, {member(events, row.event)})"
        lines += [f"{INDENT}# {row.when}", f"{INDENT}{key}: {member(machine.states, row.target)},"]
    return [*lines, "}"]


def operations_module(contract: Contract, package: str, parameter_types: dict[tuple[str, str], str]) -> str:
    """The rows of the operations.

    Args:
        contract: what to write.
        package: the contract package of the distribution.
        parameter_types: (operation, parameter) to the expression of its type; empty where types are not carried.
    """
    lines = module_head(
        "Operations of the interface, one row each.",
        *(["import typing as t"] if parameter_types else []),
        "from collections.abc import Mapping",
        "from typing import Final",
        "",
        *(["import pydantic as p", "", f"from {package} import model as m"] if parameter_types else []),
        f"from {package}._generated import wire as w",
        f"from {package}.operation import Operation, Parameter",
    )
    lines += ["", "OPERATIONS: Final[Mapping[str, Operation]] = {"]
    for operation in contract.operations:
        lines += _operation(operation, parameter_types)
    return "\n".join([*lines, "}", *exported(["OPERATIONS"]), ""])


def _operation(row: Operation, parameter_types: dict[tuple[str, str], str]) -> list[str]:
    deep = INDENT * 2
    lines = [f"{INDENT}{quoted(row.id)}: Operation("]
    lines += [f"{deep}{key}={quoted(getattr(row, key))}," for key in ("id", "summary", "method", "path", "caller")]
    lines += [f"{deep}from_task={row.from_task},", f"{deep}parameters=("]
    for parameter in row.parameters:
        fields = [
            f"name={quoted(parameter.name)}",
            f"location={quoted(parameter.location)}",
            f"required={parameter.required}",
        ]
        if type_ := parameter_types.get((row.id, parameter.name)):
            fields.append(f"type={type_}")
        lines.append(f"{deep}{INDENT}Parameter({', '.join(fields)}),")
    lines.append(f"{deep}),")
    for name, body in (("request", row.request), ("response", row.response)):
        media = "application/json" if body and body.type else body.media if body else None
        lines.append(f"{deep}{name}={f'w.{body.type}' if body and body.type else None},")
        lines.append(f"{deep}{name}_media={quoted(media) if media else None},")
    lines.append(f"{deep}stream={bool(row.response and row.response.stream)},")
    refusals = "".join(f"{deep}{INDENT}{member('w.ProblemReason', reason)},\n" for reason in row.refusals)
    return [*lines, f"{deep}status={row.status},", f"{deep}refusals=(\n{refusals}{deep}),", f"{INDENT}),"]

"""What a task may use beyond its own run: what its DAG and itself declare, and what happens beyond that."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Literal

from tradewind.server.contract import Grants, SerializedDag

Mode = Literal["deny", "audit", "allow"]
GrantName = Literal["connections", "variables", "write_variables", "read_dags", "trigger_dags"]


class GrantVerdict(enum.Enum):
    """What becomes of one use."""

    ALLOW = "allow"
    AUDIT = "audit"
    DENY = "deny"


def effective_grants(dag: SerializedDag, task_id: str) -> Grants:
    """What the DAG and the task declare together, sorted and without repeats.

    Raises:
        KeyError: the DAG has no such task.
    """
    task = next((task for task in dag.tasks if task.task_id == task_id), None)
    if task is None:
        raise KeyError(task_id)
    declared = [grants for grants in (dag.grants, task.grants) if grants is not None]

    def union(name: GrantName) -> list[str]:
        return sorted({pattern for grants in declared for pattern in getattr(grants, name) or ()})

    return Grants(
        connections=union("connections"),
        variables=union("variables"),
        write_variables=union("write_variables") or None,
        read_dags=union("read_dags") or None,
        trigger_dags=union("trigger_dags") or None,
    )


def patterns_of(grants: Grants, names: Iterable[GrantName]) -> list[str]:
    """The patterns of some kinds of grants together."""
    return [pattern for name in names for pattern in getattr(grants, name) or ()]


def is_exact(pattern: str) -> bool:
    """Whether a pattern names one thing; a secret named so is pushed with the task, others are asked for."""
    return not pattern.endswith("*")


def matches(pattern: str, name: str) -> bool:
    """Whether a name is meant: it equals the pattern, or begins with what precedes the pattern's final asterisk."""
    return name == pattern if is_exact(pattern) else name.startswith(pattern[:-1])


def use_verdict(mode: Mode, patterns: Iterable[str], name: str) -> GrantVerdict:
    """What becomes of the use of one connection, variable or DAG.

    Args:
        mode: setting `security.grants`; it governs only what is not declared.
        patterns: what the task declares of this kind of use.
        name: what is asked for.
    """
    if any(matches(pattern, name) for pattern in patterns):
        return GrantVerdict.ALLOW
    return GrantVerdict(mode)

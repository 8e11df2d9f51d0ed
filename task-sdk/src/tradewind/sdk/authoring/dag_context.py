"""Which DAG new tasks join, and which DAGs a file has declared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tradewind.sdk.authoring.dependencies import AbstractDag

_open: list[AbstractDag] = []
_declared: list[list[AbstractDag]] = []


def push(dag: AbstractDag) -> None:
    """New tasks join this DAG from now on."""
    _open.append(dag)


def pop() -> AbstractDag:
    """New tasks join the DAG that was open before."""
    return _open.pop()


def current_dag() -> AbstractDag | None:
    """The DAG that new tasks join."""
    return _open[-1] if _open else None


def declare(dag: AbstractDag) -> None:
    """Let whoever collects know of a DAG, also when no name is bound to it."""
    if _declared:
        _declared[-1].append(dag)


@contextmanager
def collected_dags() -> Iterator[list[AbstractDag]]:
    """Collect the DAGs that `with` blocks and calls of `@dag` functions declare meanwhile; one may come more than once.

    Blocks that an error left open are closed at the end.
    """
    found: list[AbstractDag] = []
    depth = len(_open)
    _declared.append(found)
    try:
        yield found
    finally:
        _declared.pop()
        del _open[depth:]

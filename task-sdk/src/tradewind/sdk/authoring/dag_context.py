"""Which DAG and task group new tasks join, and which DAGs a file has declared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tradewind.sdk.authoring.dependencies import AbstractDag, AbstractTaskGroup

_open: list[AbstractDag | AbstractTaskGroup] = []
_declared: list[list[AbstractDag]] = []


def push(place: AbstractDag | AbstractTaskGroup) -> None:
    """New tasks join this DAG or task group from now on."""
    _open.append(place)


def pop() -> AbstractDag | AbstractTaskGroup:
    """New tasks join what was open before."""
    return _open.pop()


def current_dag() -> AbstractDag | None:
    """The DAG that new tasks join."""
    if not _open:
        return None
    place = _open[-1]
    return place if isinstance(place, AbstractDag) else place.dag


def current_group(dag: AbstractDag) -> AbstractTaskGroup:
    """The task group that new tasks of a DAG join: its root group unless another one is open."""
    for place in reversed(_open):
        if place is dag:
            break
        if isinstance(place, AbstractTaskGroup) and place.dag is dag:
            return place
    return dag.task_group


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

"""Shorthands for many dependencies at once: `chain`, `chain_linear`, `cross_downstream` and labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tradewind.sdk.authoring.dependencies import DependencyMixin, EdgeModifier, iterate
from tradewind.sdk.exceptions import DagAuthoringError


def Label(label: str) -> EdgeModifier:  # noqa: N802 - Airflow's name
    """Put words on an edge.

    Used between tasks: `first >> Label("when it is late") >> second`.
    """
    return EdgeModifier(label)


def chain(*tasks: DependencyMixin | Sequence[DependencyMixin]) -> None:
    """Make each wait for the one before it: `chain(a, [b, c], [d, e], f)`.

    Between two lists of the same length the first waits for the first, the second for the second. Labels may stand
    between tasks.

    Raises:
        DagAuthoringError: two neighbouring lists differ in length, or something is no task.
    """
    for before, after in pairwise(tasks):
        if isinstance(before, DependencyMixin):
            before.set_downstream(_checked(after))
        elif isinstance(after, DependencyMixin):
            after.set_upstream(_checked(before))
        else:
            first, second = list(iterate(before)), list(iterate(after))
            if len(first) != len(second):
                raise DagAuthoringError(
                    f"chain() got two neighbouring lists of different length, {len(first)} and {len(second)}; "
                    "chain_linear() makes each task of one list wait for all of the other."
                )
            for one, other in zip(first, second, strict=True):
                one.set_downstream(other)


def chain_linear(*elements: DependencyMixin | Sequence[DependencyMixin]) -> None:
    """Make each wait for all of the one before it: between two lists, all tasks of the one for all of the other.

    Raises:
        DagAuthoringError: fewer than two elements, or something is no task.
    """
    groups = [list(iterate(element)) for element in elements]
    if len([group for group in groups if group]) < 2:
        raise DagAuthoringError("chain_linear() got nothing to chain; put `*` before a list to chain its elements.")
    for before, after in pairwise(groups):
        cross_downstream(before, after)


def cross_downstream(from_tasks: Sequence[DependencyMixin], to_tasks: Sequence[DependencyMixin]) -> None:
    """Make each task of the second list wait for all tasks of the first."""
    for task in iterate(from_tasks):
        task.set_downstream(to_tasks)


def _checked(
    element: DependencyMixin | Sequence[DependencyMixin],
) -> DependencyMixin | Sequence[DependencyMixin]:
    return element if isinstance(element, DependencyMixin) else list(iterate(element))

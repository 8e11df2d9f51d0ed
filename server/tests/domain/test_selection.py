"""Which tasks are meant when some are named: what is above and below them, and what they need."""

import pytest

from tradewind.server.domain.graph import Graph
from tradewind.server.domain.selection import relatives, to_run_again
from tradewind.server.domain.task_traits import TaskTraits

SETUP, TEARDOWN = TaskTraits(is_setup=True), TaskTraits(is_teardown=True)


def graph(upstream: dict[str, str], setups: str = "", teardowns: str = "") -> Graph:
    """A graph of tasks with names of one letter."""
    traits = {**dict.fromkeys(setups.split(), SETUP), **dict.fromkeys(teardowns.split(), TEARDOWN)}
    return Graph({task: tuple(sources.split()) for task, sources in upstream.items()}, traits)


PLAIN = graph({"a": "", "b": "a", "c": "b", "x": "", "d": "b x"})
SCOPED = graph({"s": "", "w": "s", "v": "w", "t": "s v", "after": "t"}, setups="s", teardowns="t")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"b"}),
        ({"upstream": True}, {"a", "b"}),
        ({"downstream": True}, {"b", "c", "d"}),
        ({"upstream": True, "downstream": True}, {"a", "b", "c", "d"}),
    ],
)
def test_relatives_are_all_that_lead_to_or_from_a_task(options: dict[str, bool], expected: set[str]) -> None:
    assert relatives(PLAIN, ["b"], **options) == expected
    assert to_run_again(PLAIN, ["b"], **options) == expected


def test_several_tasks_have_the_relatives_of_each() -> None:
    assert relatives(PLAIN, ["a", "x"], downstream=True) == {"a", "b", "c", "d", "x"}
    assert relatives(PLAIN, []) == set()


@pytest.mark.parametrize(
    ("task", "options", "expected"),
    [
        ("w", {}, {"s", "w", "t"}),
        ("v", {}, {"s", "v", "t"}),
        ("w", {"downstream": True}, {"s", "w", "v", "t", "after"}),
        ("v", {"upstream": True}, {"s", "w", "v", "t"}),
        ("s", {}, {"s", "t"}),
        ("t", {}, {"t"}),
        ("after", {}, {"after"}),
        ("after", {"upstream": True}, {"s", "w", "v", "t", "after"}),
    ],
)
def test_what_a_task_needs_runs_again_with_it(task: str, options: dict[str, bool], expected: set[str]) -> None:
    assert to_run_again(SCOPED, [task], **options) == expected


def test_the_scope_that_a_downstream_task_needs_runs_again() -> None:
    beside = graph({"a": "", "s": "", "w": "a s", "t": "s w"}, setups="s", teardowns="t")
    assert to_run_again(beside, ["a"]) == {"a"}
    assert to_run_again(beside, ["a"], downstream=True) == {"a", "s", "w", "t"}
    assert relatives(beside, ["a"], downstream=True) == {"a", "w", "t"}


def test_an_unknown_task_is_an_error() -> None:
    with pytest.raises(KeyError):
        to_run_again(PLAIN, ["none"])

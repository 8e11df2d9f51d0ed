"""A world on each kind of database."""

from collections.abc import Callable, Iterator

import pytest

from tradewind.server.store import Store

from .world import World


@pytest.fixture
def world_of() -> Iterator[Callable[[Store], World]]:
    """Makes worlds that end with the test."""
    made: list[World] = []

    def make(store: Store) -> World:
        made.append(World(store))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(store: Store, world_of: Callable[[Store], World]) -> World:
    return world_of(store)

from tradewind.server.scheduler.sized_cache import SizedCache


def cache(*sizes: int, budget: int = 10) -> SizedCache[int, list[None]]:
    filled: SizedCache[int, list[None]] = SizedCache(budget)
    for key, size in enumerate(sizes):
        filled.put(key, [None] * size)
    return filled


def keys(filled: SizedCache[int, list[None]], *wanted: int) -> list[int]:
    return [key for key in wanted if filled.get(key) is not None]


def test_what_was_used_least_recently_goes_when_the_budget_is_exceeded() -> None:
    filled = cache(4, 4)
    filled.get(0)
    filled.put(2, [None] * 4)
    assert keys(filled, 0, 1, 2) == [0, 2]
    assert filled.size == 8


def test_the_newest_value_stays_however_large() -> None:
    filled = cache(4, 100)
    assert keys(filled, 0, 1) == [1]


def test_a_value_that_is_taken_is_gone() -> None:
    filled = cache(4)
    assert filled.take(0) == [None] * 4
    assert filled.take(0) is None
    assert (len(filled), filled.size) == (0, 0)


def test_a_replaced_value_counts_once() -> None:
    filled = cache(4)
    filled.put(0, [None] * 6)
    assert filled.size == 6


def test_the_size_is_that_of_the_moment_of_putting() -> None:
    filled = cache(4)
    grown = filled.get(0)
    assert grown is not None
    grown.append(None)
    filled.take(0)
    assert filled.size == 0


def test_empty_values_are_not_free() -> None:
    filled = cache(*([0] * 50))
    assert len(filled) == 10


def test_clear_drops_everything() -> None:
    filled = cache(4, 4)
    filled.clear()
    assert (len(filled), filled.size) == (0, 0)

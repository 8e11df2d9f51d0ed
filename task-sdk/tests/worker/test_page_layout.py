"""Where things lie in memory changes, and nothing else."""

import os
import sys
from functools import partial
from types import CodeType

import pytest

from tradewind.sdk.worker import page_layout

PAGE = os.sysconf("SC_PAGE_SIZE")


def add(first: int, second: int = 2, *, third: int = 3) -> int:
    """Docs stay."""

    def of_others(number: int) -> int:
        return number + second + third

    return of_others(first)


def counter() -> list[int]:
    kept: list[int] = []

    def count() -> None:
        kept.append(len(kept))

    for _ in range(2):
        page_layout.gather(page_layout.functions_called_by(count))
    return kept


def pages_of(codes: list[CodeType]) -> int:
    return len({id(code) // PAGE for code in codes})


def test_functions_do_the_same_after_their_code_was_moved() -> None:
    before = add.__code__
    page_layout.gather({before})
    assert add.__code__ is not before
    assert (add(1), add(1, 1, third=1), add.__doc__, add.__defaults__) == (6, 3, "Docs stay.", (2,))
    assert add.__code__ == before
    assert counter() == [0, 1]


def test_all_functions_that_run_are_found() -> None:
    found = {code.co_name for code in page_layout.functions_called_by(partial(add, 1))}
    assert {"add", "of_others"} <= found
    assert sys.getprofile() is None


def test_code_of_large_functions_lies_side_by_side() -> None:
    functions = []
    for number in range(40):
        names: dict[str, CodeType] = {}
        body = "    id(None)\n" * 40
        exec(f"def function_{number}():\n{body}", names)
        functions.append(names[f"function_{number}"])
    kept_apart = [bytearray(PAGE) for _ in functions]
    page_layout.gather({function.__code__ for function in functions})  # type: ignore[attr-defined]
    moved = [function.__code__ for function in functions]  # type: ignore[attr-defined]
    size = sum(map(sys.getsizeof, moved))
    assert pages_of(moved) <= size // PAGE + 2
    assert len(kept_apart) == len(moved)


@pytest.mark.parametrize("size", [64, 160, 400])
def test_what_is_allocated_next_lies_together(size: int) -> None:
    scattered = [bytes(size - sys.getsizeof(b"")) for _ in range(5000)]
    del scattered[::7]
    page_layout.leave_no_gaps()
    fresh = [bytes(size - sys.getsizeof(b"")) for _ in range(20)]
    assert len({id(item) // PAGE for item in fresh}) <= 20 * size // PAGE + 2

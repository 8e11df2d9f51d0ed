"""Where things lie in memory changes, and nothing else."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import CodeType

import pytest

from tradewind.sdk.worker import page_layout

PAGE = os.sysconf("SC_PAGE_SIZE")
KERNEL_COLLAPSES = Path("/sys/kernel/mm/transparent_hugepage").exists() and tuple(
    map(int, os.uname().release.split("-")[0].split(".")[:2])
) >= (6, 1)


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


def in_a_process_of_its_own(program: str) -> str:
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return ended.stdout


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


SUMS = """
import mmap
from pathlib import Path
from tradewind.sdk.worker import page_layout

def kilobytes(name):
    lines = Path("/proc/self/smaps").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(name + ":"))
"""


@pytest.mark.skipif(not KERNEL_COLLAPSES, reason="this kernel has no MADV_COLLAPSE")
def test_what_is_allocated_comes_to_lie_on_huge_pages_with_all_that_it_holds() -> None:
    program = """
kept = [str(number) for number in range(400_000)]
before = kilobytes("AnonHugePages")
page_layout.use_huge_pages()
assert kept == [str(number) for number in range(400_000)]
print(kilobytes("AnonHugePages") - before)
"""
    assert int(in_a_process_of_its_own(SUMS + program)) > 0


def test_memory_that_is_reserved_and_not_used_is_not_filled_up() -> None:
    program = """
reserved = mmap.mmap(-1, 256 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for place in range(0, len(reserved), 16 << 20):
    reserved[place] = 1
before = kilobytes("Rss")
page_layout.use_huge_pages()
print(kilobytes("Rss") - before)
"""
    assert int(in_a_process_of_its_own(SUMS + program)) < 16 * 1024

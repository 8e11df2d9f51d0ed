"""Lays out the memory of a process that forks, so that what its children write to lies on few pages.

The kernel copies a page when a child first writes to it, and that is most of what a child costs. Python writes wherever
it looks, since it counts references. Nothing here changes what a program does: it only decides where things lie.
"""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType

from tradewind.sdk.worker import linux

_BLOCK = 16
_LARGEST_BLOCK = 512
_POOL = 16384
_POOL_HEADER = 48
_BYTES_HEADER = sys.getsizeof(b"")
_ENOUGH_IN_A_ROW = 3
_MOST_OF_A_SIZE = 8 * 1024 * 1024
_ALLOCATED = re.compile(
    r"^([0-9a-f]+)-([0-9a-f]+) rw-p 0+ 00:00 0 *(?:\[(?:heap|anon:.*)\])?\n(?:(?!Rss).*\n)*Rss: +([0-9]+) kB",
    re.MULTILINE,
)
_FULL_ENOUGH = 0.75

_held: list[object] = []


def functions_called_by(run: Callable[[], object]) -> set[CodeType]:
    """The code of all Python functions that are called meanwhile."""
    seen: set[CodeType] = set()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            seen.add(frame.f_code)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    return seen


def gather(codes: Iterable[CodeType], modules: Iterable[ModuleType] = ()) -> None:
    """Put the code of functions side by side: whoever calls a function writes to its code.

    Python adapts the new code after some calls, as it did with the old one.

    Args:
        codes: code of the functions.
        modules: those whose functions are meant, too.
    """
    wanted = set(codes)
    names = {module.__name__ for module in modules}
    functions = [
        found
        for found in gc.get_objects()
        if type(found) is FunctionType and (found.__code__ in wanted or found.__module__ in names)
    ]
    for found in functions:
        found.__code__.replace()  # code keeps what it is asked for by this; the second time nothing lies in between
    leave_no_gaps()
    # All at once: the place of one that is given up would be taken by the next.
    moved = [found.__code__.replace() for found in functions]
    for found, code in zip(functions, moved, strict=True):
        found.__code__ = code


def leave_no_gaps() -> None:
    """Use up what is free among that which is used, so that what children allocate lies together on pages of its own.

    What it takes stays taken as long as the process lives: some hundred kilobytes, on pages that are there anyway.
    """
    _held.extend(map(_blocks_up_to_a_new_pool, range(_POOL_HEADER, _LARGEST_BLOCK + 1, _BLOCK)))
    linux.use_up_free_chunks()


def use_huge_pages() -> None:
    """Put what the allocators hold on huge pages, each of which is one entry of a page table instead of 512.

    A fork copies the entries and an exit drops them: for the child of a DAG file with 10,000 tasks that is a third of
    all that it costs. Where a child writes to a huge page, it still copies a small one. A range that is hardly used is
    left alone, since huge pages would fill it up.
    """
    for start, end, resident_kilobytes in _ALLOCATED.findall(Path("/proc/self/smaps").read_text(encoding="utf-8")):
        length = int(end, 16) - int(start, 16)
        if 1024 * int(resident_kilobytes) >= _FULL_ENOUGH * length:
            linux.collapse(int(start, 16), length)


def _blocks_up_to_a_new_pool(size: int) -> list[bytes]:
    """Blocks of Python's allocator, until they come one behind the other from the beginning of a new pool."""
    taken: list[bytes] = []
    in_a_row = last = 0
    for _ in range(_MOST_OF_A_SIZE // size):
        taken.append(bytes(size - _BYTES_HEADER))
        place = id(taken[-1])
        if (place % _POOL - _POOL_HEADER) % size:  # another allocator, of which nothing is known here
            return []
        if in_a_row and place == last + size:
            in_a_row += 1
        else:
            in_a_row = int(place % _POOL == _POOL_HEADER)
        last = place
        if in_a_row == _ENOUGH_IN_A_ROW:
            del taken[-_ENOUGH_IN_A_ROW:]
            break
    return taken

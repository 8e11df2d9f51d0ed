"""Files and functions stay small: what has grown large is not split later, so nothing is let grow."""

from itertools import chain

from tests.architecture.repository import SOURCE_TREES, functions, hand_written, read

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
NINE_OF_TEN_FUNCTIONS = 35


def test_no_file_is_longer_than_400_lines() -> None:
    sizes = {name: len((read(name) or "").splitlines()) for name in hand_written(".py", ".go", ".sh", ".css", ".js")}
    assert {name: size for name, size in sizes.items() if size > LONGEST_FILE} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    everything = chain.from_iterable(functions(name) for name in hand_written(".py"))
    assert [str(function) for function in everything if function.lines > LONGEST_FUNCTION] == []


def test_nine_of_ten_functions_of_the_product_have_35_lines_at_most() -> None:
    sources = (name for name in hand_written(".py") if name.startswith(SOURCE_TREES))
    lengths = sorted(function.lines for name in sources for function in functions(name))
    assert lengths
    assert lengths[len(lengths) * 9 // 10] <= NINE_OF_TEN_FUNCTIONS

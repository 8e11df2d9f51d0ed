"""Rules of parsing one DAG file."""

import gc
import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from pathlib import Path

import pytest

from tradewind.sdk.contract import DagImportError, FileParsed, decode
from tradewind.sdk.parsing import parse_file
from tradewind.sdk.parsing.bundle_import import module_name
from tradewind.sdk.parsing.files_read import code_id

IMPORTS = "from tradewind.sdk import DAG, dag, task\nfrom tradewind.sdk.standard.operators.empty import EmptyOperator\n"


class Bundle:
    """A directory of DAG files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, file: str, text: str) -> None:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def parse(self, file: str = "file.py", text: str | None = None, timeout_seconds: float = 30) -> FileParsed:
        if text is not None:
            self.write(file, text)
        return parse_file(self.root, file, timeout_seconds=timeout_seconds)

    def error(self, file: str = "file.py", text: str | None = None, timeout_seconds: float = 30) -> DagImportError:
        parsed = self.parse(file, text, timeout_seconds)
        assert parsed.dags == []
        assert parsed.error is not None
        return parsed.error

    def ids(self, file: str = "file.py", text: str | None = None) -> list[str]:
        parsed = self.parse(file, text)
        assert parsed.error is None, parsed.error
        return [found.dag_id for found in parsed.dags]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return Bundle(tmp_path)


def test_a_file_gives_its_dags_with_their_lines(bundle: Bundle) -> None:
    parsed = bundle.parse(
        text=IMPORTS
        + """
first = DAG("first")
with DAG("second"):
    EmptyOperator(task_id="a")

@dag
def third():
    EmptyOperator(task_id="b")

third()
"""
    )
    assert parsed.error is None
    assert [(found.dag_id, found.line, len(found.tasks)) for found in parsed.dags] == [
        ("second", 5, 1),
        ("third", 12, 1),
        ("first", 4, 0),
    ]
    assert parsed.duration_seconds > 0
    assert parsed.ended_at.tzinfo is not None


def test_a_file_without_dags_is_no_error(bundle: Bundle) -> None:
    assert bundle.ids(text="x = 1\n") == []


def test_a_dag_that_is_not_to_register_itself_needs_a_name(bundle: Bundle) -> None:
    assert bundle.ids(text=IMPORTS + "with DAG('a', auto_register=False): pass\nb = DAG('b', auto_register=False)") == [
        "b"
    ]


def test_a_dag_of_a_factory_belongs_to_the_file_that_calls_it(bundle: Bundle) -> None:
    bundle.write(
        "lib/factory.py", IMPORTS + "def make(name):\n    with DAG(name):\n        EmptyOperator(task_id='a')\n"
    )
    parsed = bundle.parse(text="from lib.factory import make\nfor name in ('x', 'y'):\n    make(name)\n")
    assert [(found.dag_id, found.line) for found in parsed.dags] == [("x", 3), ("y", 3)]
    assert bundle.ids("lib/factory.py") == []


def test_a_dag_of_another_dag_file_belongs_to_that_one(bundle: Bundle) -> None:
    bundle.write("other.py", IMPORTS + "with DAG('other') as other: pass\n")
    assert bundle.ids(text=IMPORTS + "from other import other\nmine = DAG('mine')\n") == ["mine"]
    assert bundle.ids("other.py") == ["other"]


def test_two_dags_of_one_id_are_an_error(bundle: Bundle) -> None:
    error = bundle.error(text=IMPORTS + "a = DAG('same')\n\nb = DAG('same')\n")
    assert (error.type, error.file, error.line) == ("DagDuplicatedIdException", "file.py", 5)
    assert "twice, on lines 3 and 5" in error.message


def test_one_bad_dag_makes_the_file_an_error(bundle: Bundle) -> None:
    error = bundle.error(text=IMPORTS + "good = DAG('good')\nbad = DAG('bad', deadline='soon')\n")
    assert (error.type, error.line) == ("UnsupportedArgumentError", 4)
    assert "deadline='soon' of DAG 'bad'" in error.message


def test_a_file_that_does_not_compile_names_its_line(bundle: Bundle) -> None:
    error = bundle.error(text="x = 1\ny = (\n")
    assert (error.file, error.line, error.type) == ("file.py", 2, "SyntaxError")


def test_a_helper_that_does_not_compile_is_named(bundle: Bundle) -> None:
    bundle.write("lib.py", "\n\nx = = 1\n")
    error = bundle.error(text="import lib\n")
    assert (error.file, error.line, error.type) == ("lib.py", 3, "SyntaxError")


@pytest.mark.parametrize("content", [b"x = '\xff'\n", b"x = 1\0\n", b"# -*- coding: nonsense -*-\n"])
def test_a_file_that_is_no_python_text_is_an_error(bundle: Bundle, content: bytes) -> None:
    (bundle.root / "file.py").write_bytes(content)
    error = bundle.error()
    assert error.file == "file.py"
    assert error.type in {"SyntaxError", "ValueError"}


def test_an_exception_names_the_innermost_line_of_the_bundle(bundle: Bundle) -> None:
    bundle.write("lib.py", "import json\ndef load():\n    return json.loads('{')\n")
    error = bundle.error(text="import lib\nx = 1\nlib.load()\n")
    assert (error.file, error.line, error.type) == ("lib.py", 3, "JSONDecodeError")
    assert error.traceback is not None
    assert error.traceback.splitlines()[1].strip().startswith(f'File "{bundle.root}/file.py", line 3')


def test_a_cycle_names_the_line_of_its_dag(bundle: Bundle) -> None:
    error = bundle.error(
        text=IMPORTS
        + """
with DAG("circle"):
    a, b = EmptyOperator(task_id="a"), EmptyOperator(task_id="b")
    a >> b >> a
"""
    )
    assert (error.file, error.line, error.type) == ("file.py", 4, "DagCycleException")
    assert "a -> b -> a" in error.message


def test_a_file_that_loops_for_ever_names_the_line_where_it_loops(bundle: Bundle) -> None:
    error = bundle.error(text="def spin():\n    while True:\n        pass\n\nspin()\n", timeout_seconds=0.2)
    assert (error.file, error.type) == ("file.py", "DagFileTimeout")
    assert error.line in {2, 3}
    assert "longer than 0.2 seconds" in error.message


def test_a_file_that_sleeps_or_swallows_exceptions_is_ended_too(bundle: Bundle) -> None:
    text = (
        "import time\nfor _ in range(2):\n    try:\n        time.sleep(1000)\n    except BaseException:\n        pass\n"
    )
    began = time.monotonic()
    parsed = bundle.parse(text=text, timeout_seconds=0.2)
    assert time.monotonic() - began < 60
    assert parsed.error is None  # it ended by itself after two alarms
    error = bundle.error(
        text="import time\ntry:\n    time.sleep(1000)\nexcept Exception:\n    pass\n", timeout_seconds=0.2
    )
    assert (error.type, error.line) == ("DagFileTimeout", 3)


def test_the_time_limit_leaves_an_alarm_of_the_process_as_it_was(bundle: Bundle) -> None:
    before = signal.getsignal(signal.SIGALRM)
    seconds, _ = signal.setitimer(signal.ITIMER_REAL, 1000)
    try:
        bundle.parse(text="x = 1\n", timeout_seconds=5)
        left, _ = signal.getitimer(signal.ITIMER_REAL)
        assert 900 < left <= 1000
        assert signal.getsignal(signal.SIGALRM) is before
    finally:
        signal.setitimer(signal.ITIMER_REAL, seconds)


def test_another_thread_parses_without_a_limit(bundle: Bundle) -> None:
    found: list[FileParsed] = []
    thread = threading.Thread(target=lambda: found.append(bundle.parse(text=IMPORTS + "x = DAG('x')\n")))
    thread.start()
    thread.join()
    assert [one.dag_id for one in found[0].dags] == ["x"]


def test_exit_and_recursion_are_errors_of_the_file(bundle: Bundle) -> None:
    error = bundle.error(text="import sys\n\nsys.exit(0)\n")
    assert (error.type, error.line, error.message) == ("SystemExit", 3, "0")
    error = bundle.error(text="def f():\n    f()\n\nf()\n")
    assert (error.type, error.line) == ("RecursionError", 2)
    assert len(error.traceback or "") <= 200_000


def test_an_exception_that_cannot_be_shown_is_still_an_error(bundle: Bundle) -> None:
    error = bundle.error(
        text="""
        class Odd(Exception):
            def __str__(self):
                raise ValueError

        raise Odd
        """
    )
    assert (error.type, error.message) == ("Odd", "<Odd whose text cannot be shown>")
    error = bundle.error(text="raise ValueError('\\ud800' + 'x' * 20000)\n")
    assert error.message.startswith("\\ud800xxx")
    assert error.message.endswith("(20006 characters)")
    assert len(error.message) == 10_000


def test_a_file_that_is_not_there_is_an_error(bundle: Bundle) -> None:
    parsed = bundle.parse("missing.py")
    assert parsed.error is not None
    assert (parsed.error.file, parsed.error.type) == ("missing.py", "FileNotFoundError")
    assert parsed.files_read == {}


def test_a_text_that_is_no_unicode_is_an_error(bundle: Bundle) -> None:
    error = bundle.error(text=IMPORTS + "d = DAG('d', description='\\ud800')\n")
    assert (error.type, error.line) == ("DagAuthoringError", 3)
    assert "no valid Unicode" in error.message


def test_more_than_can_be_reported_is_an_error(bundle: Bundle) -> None:
    error = bundle.error(text=IMPORTS + "for n in range(200):\n    with DAG(f'd{n}', doc_md='x' * 90000): pass\n")
    assert (error.type, error.line) == ("DagAuthoringError", 4)
    assert "split it" in error.message


def test_files_that_the_import_read_are_told_with_their_digests(bundle: Bundle) -> None:
    bundle.write("lib/__init__.py", "")
    bundle.write("lib/names.py", "NAME = 'x'\n")
    bundle.write("config/settings.json", "{}")
    bundle.write("never.py", "")
    parsed = bundle.parse(
        text="""
        import json
        from pathlib import Path
        from lib.names import NAME
        json.loads((Path(__file__).parent / "config" / "settings.json").read_text())
        """
    )
    assert set(parsed.files_read) == {"config/settings.json", "file.py", "lib/__init__.py", "lib/names.py"}
    assert parsed.code_id == code_id(parsed.files_read)
    bundle.write("config/settings.json", "{} ")
    assert bundle.parse().code_id != parsed.code_id


def test_a_large_file_that_is_read_has_the_digest_of_all_of_it(bundle: Bundle) -> None:
    content = bytes(range(256)) * 1000
    (bundle.root / "rows.bin").write_bytes(content)
    parsed = bundle.parse(text="from pathlib import Path\nPath(__file__).with_name('rows.bin').read_bytes()\n")
    assert parsed.files_read["rows.bin"] == hashlib.sha256(content).hexdigest()


def test_a_process_that_ends_finds_the_same_and_keeps_what_was_imported(bundle: Bundle) -> None:
    bundle.write("lib/names.py", "NAME = 'flights'\n")
    here = bundle.parse(
        text=IMPORTS + "from lib.names import NAME\nwith DAG(dag_id=NAME):\n    EmptyOperator(task_id='a')\n"
    )
    program = """
import sys
from tradewind.sdk.contract import encode
from tradewind.sdk.parsing import parse_file
parsed = parse_file(sys.argv[1], "file.py", timeout_seconds=30, process_ends=True)
assert {"lib", "lib.names"} <= sys.modules.keys()
sys.stdout.buffer.write(encode(parsed))
"""
    done = subprocess.run([sys.executable, "-c", program, bundle.root], capture_output=True, check=True)
    there = decode(FileParsed, done.stdout)
    assert (there.dags, there.files_read, there.error) == (here.dags, here.files_read, None)


def test_files_are_told_for_a_file_with_an_error_too(bundle: Bundle) -> None:
    bundle.write("lib.py", "raise ValueError\n")
    assert set(bundle.parse(text="import lib\n").files_read) == {"file.py", "lib.py"}
    assert set(bundle.parse(text="x = (\n").files_read) == {"file.py"}


def test_the_code_id_is_the_digest_of_sorted_lines() -> None:
    # printf 'a\0' (64 times 1) '\nb\0' (64 times 2) '\n' | sha256sum
    expected = "ab7b0f7fcd820a946bfa33d060317501b816a6aceb55d476c6379292ae7819dc"
    assert code_id({"b": "2" * 64, "a": "1" * 64}) == expected


def test_a_bundle_behind_a_link_reads_its_own_files(bundle: Bundle, tmp_path: Path) -> None:
    root = tmp_path / "real"
    root.mkdir()
    (root / "lib.py").write_text("x = 1\n")
    (root / "file.py").write_text(IMPORTS + "import lib\nd = DAG('d')\n")
    link = tmp_path / "link"
    link.symlink_to(root)
    parsed = parse_file(link, "file.py", timeout_seconds=30)
    assert [(one.dag_id, one.line) for one in parsed.dags] == [("d", 4)]
    assert set(parsed.files_read) == {"file.py", "lib.py"}


def test_nothing_is_written_into_the_bundle(bundle: Bundle) -> None:
    bundle.write("lib.py", "x = 1\n")
    bundle.parse(text="import lib\n")
    assert sorted(path.name for path in bundle.root.rglob("*")) == ["file.py", "lib.py"]


def test_this_process_stays_as_it_was(bundle: Bundle) -> None:
    bundle.write("lib_of_this_bundle.py", "x = 1\n")

    def state() -> tuple[object, ...]:
        return list(sys.path), list(sys.path_hooks), set(sys.modules), sys.dont_write_bytecode, Path.cwd()

    before = state()
    bundle.parse(
        text="import os, sys\nimport lib_of_this_bundle\nsys.path.append('/elsewhere')\nos.chdir('/')\n",
    )
    assert state() == before


def test_two_bundles_with_modules_of_one_name_do_not_mix(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        bundle = Bundle(tmp_path / name)
        bundle.write("shared.py", f"NAME = '{name}'\n")
        found += bundle.ids(text=IMPORTS + "import shared\nd = DAG(shared.NAME)\n")
    assert found == ["one", "two"]


def test_a_changed_file_is_read_again(bundle: Bundle) -> None:
    bundle.write("lib.py", "NAME = 'one'\n")
    text = IMPORTS + "import lib\nd = DAG(lib.NAME)\n"
    assert bundle.ids(text=text) == ["one"]
    bundle.write("lib.py", "NAME = 'two'\n")
    assert bundle.ids() == ["two"]


def test_files_of_one_name_in_two_folders_are_two_modules() -> None:
    assert module_name("a/file.py") != module_name("b/file.py")
    assert module_name("a/my-file.py").endswith("_my_file")


def test_an_open_with_block_of_a_broken_file_does_not_reach_the_next_one(bundle: Bundle) -> None:
    bundle.error(text=IMPORTS + "d = DAG('d')\nd.__enter__()\nraise ValueError\n")
    parsed = bundle.parse("next.py", IMPORTS + "EmptyOperator(task_id='lonely')\n")
    assert (parsed.error, parsed.dags) == (None, [])


def test_warnings_of_a_file_are_kept_out(bundle: Bundle) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert bundle.ids(text="import warnings\nwarnings.warn('careful')\n") == []
    assert seen == []


def test_what_stops_a_file_that_reads_a_missing_variable_is_its_line(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEWIND_HOME", str(bundle.root / "nothing"))
    error = bundle.error(text="from tradewind.sdk import Variable\n\nx = Variable.get('x')\n")
    assert (error.type, error.line) == ("VariableNotFound", 3)
    assert error.message.startswith("There is no variable 'x'.")
    assert "The environment has no TRADEWIND_VAR_X, and no server is configured" in error.message


def test_an_interrupt_ends_the_parse(bundle: Bundle) -> None:
    with pytest.raises(KeyboardInterrupt):
        bundle.parse(text="raise KeyboardInterrupt\n")
    gc.collect()
    assert str(bundle.root) not in sys.path


def test_relative_roots_are_fine(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle.write("sub/file.py", IMPORTS + "d = DAG('d')\n")
    monkeypatch.chdir(bundle.root.parent)
    parsed = parse_file(Path(bundle.root.name), "sub/file.py", timeout_seconds=30)
    assert [(one.dag_id, one.line) for one in parsed.dags] == [("d", 3)]
    assert set(parsed.files_read) == {"sub/file.py"}
    assert os.sep not in parsed.code_id


def test_what_is_installed_comes_before_files_of_the_bundle(bundle: Bundle) -> None:
    bundle.write("colorsys.py", IMPORTS + "import colorsys\n\nd = DAG(colorsys.rgb_to_hls.__name__)\n")
    parsed = bundle.parse("colorsys.py")
    assert [one.dag_id for one in parsed.dags] == ["rgb_to_hls"]

"""Rules of templated fields: what is rendered, with what, and what a failure says."""

import datetime as dt
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.activities import Bench
from tradewind.sdk.authoring.templating import make_ready
from tradewind.sdk.contract import Connection, TaskSkipped
from tradewind.sdk.runtime import load_dag_file
from tradewind.sdk.runtime.task_execution import copy_of

DAY = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)

SHOW = """
class Show(BaseOperator):
    template_fields = ("value",)
    template_ext = (".sql", ".txt")
    def __init__(self, *, value, **kwargs):
        super().__init__(**kwargs)
        self.value = value
    def execute(self, context):
        return self.value
"""


def shown(bench: Bench, value: str, dag: str = "", more: str = "", top: str = "", **run: Any) -> Any:
    """What an operator's field holds in `execute`."""
    bench.write(f"{top}\nShow(task_id='a', value={value}{more})", dag, SHOW)
    return bench.returned(logical_date=DAY, data_interval_start=DAY, data_interval_end=DAY, **run)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ ds }} {{ ds_nodash }} {{ ts_nodash }}", "2024-03-01 20240301 20240301T000000"),
        ("{{ ti.task_id }} {{ task.task_id }} {{ dag.dag_id }} {{ run_id }} {{ dag_run.run_type }}", "a a d r manual"),
        ("{{ data_interval_start | ds }} {{ logical_date | ds_nodash }}", "2024-03-01 20240301"),
        ("{{ logical_date | ts }}|{{ logical_date | ts_nodash }}", "2024-03-01T00:00:00+00:00|20240301T000000"),
        ("{{ logical_date | ts_nodash_with_tz }}", "20240301T000000+0000"),
        ("{{ logical_date }}", "2024-03-01 00:00:00+00:00"),
        ("{{ data_interval_start.subtract(days=1).to_date_string() }}", "2024-02-29"),
        ("{{ logical_date.in_timezone('Europe/Berlin').format('DD.MM.YYYY HH:mm') }}", "01.03.2024 01:00"),
        ("{{ macros.ds_add(ds, 7) }} {{ macros.ds_format(ds, '%Y-%m-%d', '%d.%m.%y') }}", "2024-03-08 01.03.24"),
        ("{{ macros.datetime(2024, 1, 1) + macros.timedelta(days=1) }}", "2024-01-02 00:00:00"),
        ("{{ macros.json.dumps([1]) }} {{ macros.uuid.UUID(int=1) }}", "[1] 00000000-0000-0000-0000-000000000001"),
        ("{{ params.size }}{{ dag_run.conf['size'] }} {{ conf is defined }}", "33 False"),
        ("{% for n in range(3) %}{{ n }}{% endfor %}{# a comment #}", "012"),
        ("{% set found = [] %}{% do found.append(1) %}{{ found }}", "[1]"),
        ("{{ task._dag.dag_id }}", "d"),
        ("{{ ti.xcom_pull('b') }} {{ ti.xcom_pull(task_ids='b', key='k') }}", "5 None"),
        ("{{ var.value.site }} {{ var.value.get('none', 'x') }} {{ var.json.settings.depth }}", "north x 3"),
        ("{{ var.json.get('none', {'a': 1}) }}", "{'a': 1}"),
        ("{{ conn.db.host }}:{{ conn.get('db').port }}", "example.org:5"),
        ("{{ prev_start_date_success }} {{ prev_data_interval_end_success is none }}", "None True"),
        ("{{ inlets }}{{ outlets }} {{ try_number }} {{ test_mode }}", "[][] 2 False"),
    ],
)
def test_templates_see_the_context(bench: Bench, template: str, text: str) -> None:
    bench.plane.xcoms = {("b", "return_value"): 5}
    bench.plane.variables = {"site": "north", "settings": '{"depth": 3}'}
    bench.plane.connections = {"db": Connection(conn_id="db", conn_type="x", host="example.org", port=5)}
    assert shown(bench, repr(template), conf={"size": 3}) == text


def test_values_are_rendered_however_deep(bench: Bench) -> None:
    top = """
from collections import namedtuple
from pathlib import Path
Pair = namedtuple("Pair", "left right")
"""
    value = (
        "['{{ ds }}', ('{{ ds }}', 1), {'{{ ds }}': {'k': '{{ ds }}'}}, {'{{ ds }}'}, Pair('{{ ds }}', None), b'{{']"
    )
    day = "2024-03-01"
    assert shown(bench, value, top=top) == [
        day,
        (day, 1),
        {"{{ ds }}": {"k": day}},
        {day},
        (day, None),
        b"{{",
    ]
    assert shown(bench, "str(Path('/tmp/x'))", top=top) == "/tmp/x"


def test_objects_with_template_fields_are_rendered_as_copies(bench: Bench) -> None:
    top = """
class Query:
    template_fields = ("text", "inner")
    def __init__(self, text, inner=None):
        self.text, self.inner = text, inner
one = Query("{{ ds }}", Query("{{ run_id }}"))
PythonOperator(task_id="b", python_callable=lambda q: [q.text, q.inner.text], op_args=[one])
PythonOperator(task_id="c", python_callable=lambda q, p: q is p, op_args=[one, one])
"""
    bench.write(top)
    loaded = load_dag_file(bench.root, "file.py")
    assert bench.returned(task_id="b", loaded=loaded, logical_date=DAY) == ["2024-03-01", "r"]
    assert bench.returned(task_id="c", loaded=loaded, logical_date=DAY) is True
    (query,) = getattr(loaded.task("d", "b"), "op_args")  # noqa: B009 - the operator's own attribute
    assert query.text == "{{ ds }}"


def test_literals_and_results_of_tasks_are_not_rendered(bench: Bench) -> None:
    bench.plane.xcoms = {("b", "return_value"): "{{ ds }}"}
    assert shown(bench, "[literal('{{ ds }}'), b.output]", top="b = EmptyOperator(task_id='b')") == ["{{ ds }}"] * 2


def test_a_result_within_a_text_is_a_template(bench: Bench) -> None:
    bench.plane.xcoms = {("b", "return_value"): 5}
    assert shown(bench, "f'got {b.output}'", top="b = EmptyOperator(task_id='b')") == "got 5"


@pytest.mark.parametrize(
    ("text", "rendered"), [("a\n", "a"), ("a\n\n", "a\n"), ("a\r\nb\r", "a\nb"), ("", ""), ("{", "{")]
)
def test_text_without_a_template_becomes_what_jinja_makes_of_it(bench: Bench, text: str, rendered: str) -> None:
    assert shown(bench, repr(text)) == rendered
    assert shown(bench, repr(text), "jinja_environment_kwargs={'trim_blocks': True}") == rendered


def test_macros_filters_and_options_of_the_dag_are_used(bench: Bench) -> None:
    dag = (
        "user_defined_macros={'twice': lambda n: 2 * n, 'ds': 'never'}, user_defined_filters={'loud': str.upper}, "
        "jinja_environment_kwargs={'variable_start_string': '<<', 'variable_end_string': '>>'}"
    )
    assert shown(bench, "'<< twice(4) >> << ds | loud >> {{ ds }}'", dag) == "8 2024-03-01 {{ ds }}"


def test_native_rendering_gives_python_values(bench: Bench) -> None:
    native = "render_template_as_native_obj=True"
    assert shown(bench, "['{{ [1, 2] }}', '{{ params }}', '{{ ds }}', '5']", native, conf={"x": None}) == [
        [1, 2],
        {"x": None},
        "2024-03-01",
        5,
    ]
    assert shown(bench, "'{{ ti.xcom_pull(\"b\") }}'", native) is None
    assert shown(bench, "'{{ [1] }}'", more=f", {native}") == [1]
    assert shown(bench, "'{{ [1] }}'", native, more=", render_template_as_native_obj=False") == "[1]"
    day = shown(bench, "'{{ logical_date }}'", native)
    assert day == DAY


def test_template_files_lie_beside_the_dag_file_or_in_the_search_path(bench: Bench) -> None:
    (bench.root / "more").mkdir()
    (bench.root / "one.sql").write_text("select '{{ ds }}'\n{% include 'part.txt' %}\n")
    (bench.root / "more" / "part.txt").write_text("from {{ run_id }}")
    (bench.root / "more" / "two.txt").write_text("two")
    searched = "template_searchpath='more'"
    assert shown(bench, "'one.sql'", searched) == "select '2024-03-01'\nfrom r"
    assert shown(bench, "['two.txt', 'one.sql ']", f"template_searchpath=[{str(bench.root / 'more')!r}]") == [
        "two",
        "one.sql ",
    ]
    (bench.root / "run.sh").write_text("echo {{ ds }}")
    bench.write("BashOperator(task_id='a', bash_command='run.sh')")
    assert bench.returned(logical_date=DAY) == "2024-03-01"


def test_an_operator_may_change_what_a_template_file_holds(bench: Bench) -> None:
    (bench.root / "one.sql").write_text("select {{ ds }}")
    top = """
class Own(Show):
    def prepare_template(self):
        self.value = self.value.replace("select", "explain select")
"""
    bench.write("Own(task_id='a', value='one.sql')", top=SHOW + top)
    assert bench.returned(logical_date=DAY) == "explain select 2024-03-01"


def test_templates_dict_is_rendered_and_in_the_context(bench: Bench) -> None:
    (bench.root / "q.sql").write_text("select '{{ ds }}'")
    function = "def f(templates_dict, **others): return [templates_dict, get_current_context()['templates_dict']]\n"
    arguments = "templates_dict={'q': 'q.sql', 'd': '{{ ds }}'}, templates_exts=['.sql']"
    expected = [{"q": "select '2024-03-01'", "d": "2024-03-01"}] * 2
    bench.write(f"PythonOperator(task_id='a', python_callable=f, {arguments})", top=function)
    assert bench.returned(logical_date=DAY) == expected
    bench.write(f"task(f).override(task_id='a', {arguments})()", top=function)
    assert bench.returned(logical_date=DAY) == expected


def test_arguments_of_python_tasks_are_rendered(bench: Bench) -> None:
    body = """
@task
def a(day, *, run):
    return [day, run]
a("{{ ds }}", run={"id": "{{ run_id }}"})
PythonOperator(task_id="b", python_callable=lambda *args, **kwargs: [args[0], kwargs["k"]], op_args=["{{ ds }}"],
               op_kwargs={"k": "{{ run_id }}"})
"""
    assert bench.returned(body, logical_date=DAY) == ["2024-03-01", {"id": "r"}]
    assert bench.returned(task_id="b", logical_date=DAY) == ["2024-03-01", "r"]


def test_operators_can_render_in_their_code(bench: Bench) -> None:
    top = """
class Own(Show):
    def execute(self, context):
        env = self.get_template_env()
        again = context["ti"].render_templates()
        return [self.render_template("{{ ds }}", context), self.render_template(["{{ x }}"], {"x": 1}, env),
                again is self, self.dag.get_template_env().from_string("{{ 1 + 1 }}").render()]
"""
    bench.write("Own(task_id='a', value='')", top=SHOW + top)
    assert bench.returned(logical_date=DAY) == ["2024-03-01", ["1"], True, "2"]


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        ("'fine\\n{{ nothing }}'", "UndefinedError", ("'nothing' is undefined", "line 2 of the template: nothing")),
        ("'{{ execution_date }}'", "UndefinedError", ("logical_date is its name now",)),
        ("['{{ ds']", "TemplateSyntaxError", ("line 1 of the template", "literal(...)")),
        ("'${#names[@]}'", "TemplateSyntaxError", ("Missing end of comment tag", "literal(...)")),
        ("'none.sql'", "TemplateNotFound", ("no template file 'none.sql'", "add a space at its end")),
        ("'bad.sql'", "ZeroDivisionError", ("line 3 of", "bad.sql")),
        ("'{{ 1 / 0 }}'", "ZeroDivisionError", ("line 1 of the template",)),
        ("'{{ ds.__class__ }}'", "SecurityError", ("access to attribute '__class__'",)),
        ("'{{ var.value.none }}'", "VariableNotFound", ("'none'",)),
        ("b.output['k']", "XComNotFound", ("left no XCom with the key 'k'",)),
    ],
)
def test_a_failure_names_field_task_and_line(bench: Bench, value: str, kind: str, words: tuple[str, ...]) -> None:
    (bench.root / "bad.sql").write_text("one\ntwo\n{{ 1 / 0 }}")
    bench.write(f"b = EmptyOperator(task_id='b')\nShow(task_id='a', value={value})", top=SHOW)
    error = bench.failed().error
    assert error.type == kind
    for word in (*words, "In the template field 'value' of task 'a'"):
        assert word in error.message
    assert error.traceback is not None


def test_a_name_that_is_not_known_may_stand_for_nothing(bench: Bench) -> None:
    bench.write(
        "Show(task_id='a', value='[{{ nothing }}]')", "template_undefined=jinja2.Undefined", f"import jinja2\n{SHOW}"
    )
    assert bench.returned() == "[]"


def test_a_template_may_skip_its_task(bench: Bench) -> None:
    top = "def stop():\n    raise AirflowSkipException('not today')\n"
    bench.write("Show(task_id='a', value='{{ stop() }}')", "user_defined_macros={'stop': stop}", SHOW + top)
    outcome = bench.run()
    assert isinstance(outcome, TaskSkipped)
    assert outcome.message == "not today"


def test_a_field_that_is_set_later_is_rendered(bench: Bench) -> None:
    bench.write("shown = Show(task_id='a', value='')\nshown.fields_to_render()\nshown.value = '{{ ds }}'", top=SHOW)
    assert bench.returned(logical_date=DAY) == "2024-03-01"


PROGRAM = """
import sys
from pathlib import Path
from tests.runtime.activities import Bench
bench = Bench(Path(sys.argv[1]))
bench.write(sys.argv[2])
print(bench.returned(), "jinja2" in sys.modules, "pendulum" in sys.modules)
"""


@pytest.mark.parametrize(
    ("body", "printed"),
    [
        ("BashOperator(task_id='a', bash_command='echo x')", "x False False"),
        ("PythonOperator(task_id='a', python_callable=lambda d, logical_date=None: d, op_args=['x'])", "x False False"),
        ("BashOperator(task_id='a', bash_command='echo {{ 1 }}')", "1 True False"),
    ],
)
def test_jinja_and_pendulum_are_imported_when_they_are_needed(tmp_path: Path, body: str, printed: str) -> None:
    program = [sys.executable, "-c", PROGRAM, str(tmp_path), body]
    answer = subprocess.run(program, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert answer.stdout.strip() == printed


def test_a_process_that_forks_tries_makes_their_templates_ready(bench: Bench) -> None:
    bench.write("Show(task_id='a', value='{{ ds }}')\nShow(task_id='b', value=['plain', 1, {}])", top=SHOW)
    tasks = load_dag_file(bench.root, "file.py").dags["d"].tasks
    make_ready(tasks)
    assert [list(task.__dict__["_fields_to_render"]) for task in tasks] == [["value"], ["value"]]
    assert "_template_environments" in tasks[0].dag.__dict__
    bench.write("Show(task_id='a', value='{{ ds }}')", "jinja_environment_kwargs={'nonsense': 1}", SHOW)
    make_ready(load_dag_file(bench.root, "file.py").dags["d"].tasks)
    assert "nonsense" in bench.failed().error.message


def test_a_try_gets_lists_and_dicts_of_its_own_though_nothing_in_them_is_rendered(bench: Bench) -> None:
    given = "['plain', 1]", "{'a': 'plain'}", "['plain', {}]", "('plain', [])"
    bench.write("\n".join(f"Show(task_id='a{number}', value={value})" for number, value in enumerate(given)), top=SHOW)
    tasks = load_dag_file(bench.root, "file.py").dags["d"].tasks
    make_ready(tasks)
    assert [list(task.fields_to_render()) for task in tasks] == [[], [], ["value"], ["value"]]
    for task in tasks:
        copied, before = copy_of(task), vars(task)["value"]
        copied.render_template_fields({})
        assert vars(copied)["value"] == before
        assert vars(copied)["value"] is not before
        assert vars(task)["value"] is before


def test_native_rendering_makes_none_of_an_empty_text(bench: Bench) -> None:
    assert shown(bench, "['', '5', 'x']", dag="render_template_as_native_obj=True") == [None, 5, "x"]

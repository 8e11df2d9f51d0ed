"""Rules of params."""

import copy
from types import SimpleNamespace
from typing import Any

import pytest

from tradewind.sdk import DAG, Param, ParamsDict, literal
from tradewind.sdk.authoring.json_schema import check_value
from tradewind.sdk.authoring.params import NOTSET, run_params
from tradewind.sdk.authoring.xcom_arg import resolve
from tradewind.sdk.exceptions import DagAuthoringError, ParamValidationError


def test_other_arguments_of_a_param_are_its_schema() -> None:
    param = Param(5, "words", type="integer", minimum=1)
    assert (param.value, param.description, param.schema) == (5, "words", {"type": "integer", "minimum": 1})
    assert Param(5, schema={"enum": (5, 6)}).schema == {"enum": [5, 6]}
    assert Param(5, schema=None).schema == {}
    assert param.dump() == {"value": 5, "description": "words", "schema": {"type": "integer", "minimum": 1}}


def test_a_param_without_a_default_has_no_value() -> None:
    assert (Param().value, Param().has_value, Param(None).has_value, Param(0).has_value) == (NOTSET, False, False, True)
    with pytest.raises(ParamValidationError, match="No value was given, and the param has no default"):
        Param(type="string").resolve()
    assert Param(type="string").resolve(suppress_exception=True) is None


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan"), {"a": b"bytes"}])
def test_a_value_that_is_not_json_is_refused(value: object) -> None:
    with pytest.raises(ParamValidationError, match="The default of a param must be JSON"):
        Param(value)
    with pytest.raises(ParamValidationError, match="The value of a param must be JSON"):
        Param(1).resolve(value)


def test_a_schema_that_is_none_is_refused() -> None:
    with pytest.raises(ParamValidationError, match="The schema of a param must be JSON"):
        Param(1, enum=[object()])
    with pytest.raises(ParamValidationError, match="schema of a param must be a dict"):
        Param(1, schema=[1])
    with pytest.raises(ParamValidationError, match="Its schema is no JSON Schema"):
        Param(1, type="whole number").resolve()
    with pytest.raises(ParamValidationError, match="description of a param must be a string"):
        Param(1, description=5)  # type: ignore[arg-type]  # wrong on purpose


VALID: list[tuple[Any, dict[str, Any]]] = [
    (1, {"type": "integer"}),
    (1.0, {"type": "integer"}),
    (1, {"type": "number"}),
    ("x", {"type": ["string", "null"], "minLength": 1, "maxLength": 1}),
    (None, {"type": ["string", "null"]}),
    ([1], {"type": "array", "items": {"type": "integer"}}),
    ({"a": 1}, {"type": "object", "required": ["a"]}),
    (True, {"type": "boolean"}),
    (2, {"enum": [1, 2], "values_display": {"1": "one"}, "section": "s"}),
    ("a", {"const": "a"}),
    (5, {"minimum": 5, "maximum": 5}),
    ("2024-02-29", {"type": "string", "format": "date"}),
    ("12:13:14", {"format": "time"}),
    ("2024-02-29T01:02:03Z", {"format": "date-time"}),
    ("a@b", {"format": "email"}),
    ("words\nmore", {"type": "string", "format": "multiline"}),
    ("abc", {"pattern": "^a"}),
    (3, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
]
INVALID: list[tuple[Any, dict[str, Any], str]] = [
    ("x", {"type": "integer"}, "'x' is not of type 'integer'"),
    (True, {"type": "integer"}, "True is not of type 'integer'"),
    (1.5, {"type": "integer"}, "1.5 is not of type 'integer'"),
    (3, {"enum": [1, 2]}, r"3 is not one of \[1, 2\]"),
    (True, {"enum": [1]}, r"True is not one of \[1\]"),
    (4, {"minimum": 5}, "4 is less than the minimum of 5"),
    ("", {"minLength": 1}, "'' should be non-empty"),
    ("2024-02-30", {"format": "date"}, "'2024-02-30' is not a 'date'"),
    ("25:00:00", {"format": "time"}, "is not a 'time'"),
    ("2024-01-01", {"format": "date-time"}, "is not a 'date-time'"),
    ("b", {"pattern": "^a"}, "'b' does not match '\\^a'"),
    ([1, "x"], {"items": {"type": "integer"}}, r"'x' is not of type 'integer' \(at \$\[1\]\)"),
    (1, {"$ref": "https://example.org/schema.json"}, "refers to something that is not there"),
]


@pytest.mark.parametrize(("value", "schema"), VALID)
def test_a_value_that_meets_its_schema_passes(value: Any, schema: dict[str, Any]) -> None:
    check_value(value, schema)
    assert Param(value, schema=schema).resolve() == value


@pytest.mark.parametrize(("value", "schema", "words"), INVALID)
def test_a_value_that_does_not_is_refused_with_the_reason(value: Any, schema: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamValidationError, match=words):
        check_value(value, schema)


def test_params_are_read_as_values_and_set_by_their_rules() -> None:
    params = ParamsDict({"a": 1, "b": Param("x", type="string")})
    assert (params["a"], params["b"], len(params), "b" in params, bool(ParamsDict())) == (1, "x", 2, True, False)
    params["b"] = "y"
    params["c"] = 3
    assert params.dump() == params.validate() == {"a": 1, "b": "y", "c": 3}
    assert params.get_param("b").schema == {"type": "string"}
    with pytest.raises(ParamValidationError, match="Invalid input for param b: 5 is not of type 'string'"):
        params["b"] = 5
    with pytest.raises(ParamValidationError, match="The name of a param must be a string"):
        params[5] = 1  # type: ignore[index]  # wrong on purpose
    del params["a"]
    assert params == {"b": "y", "c": 3}
    assert all(isinstance(param, Param) for param in (*params.values(), *dict(params.items()).values()))


def test_params_may_hide_values_that_cannot_be() -> None:
    params = ParamsDict({"a": Param("x", type="integer")}, suppress_exception=True)
    assert (params["a"], params.dump(), copy.copy(params).suppress_exception) == (None, {"a": None}, True)


def test_a_run_has_params_of_dag_and_task_and_its_conf() -> None:
    dag, task = ParamsDict({"a": 1, "b": Param(2, type="integer")}), ParamsDict({"b": 3, "c": 4})
    assert run_params(dag, task, None) == {"a": 1, "b": 3, "c": 4}
    assert run_params(dag, ParamsDict(), {"b": 5, "new": [1]}) == {"a": 1, "b": 5, "new": [1]}
    assert (dag.dump(), task.dump()) == ({"a": 1, "b": 2}, {"b": 3, "c": 4})
    with pytest.raises(ParamValidationError, match="Invalid input for param b: 'x' is not of type"):
        run_params(dag, ParamsDict(), {"b": "x"})
    with pytest.raises(ParamValidationError, match="Invalid input for param r: No value"):
        run_params(ParamsDict({"r": Param(type="string")}), ParamsDict(), {})


def test_a_param_as_an_argument_has_the_value_of_the_run() -> None:
    dag = DAG("d", params={"declared": 1})
    day, declared, missing = dag.param("day", "today"), dag.param("declared"), dag.param("missing")
    assert dag.params == {"declared": 1, "day": "today"}

    def of(argument: Any, conf: dict[str, Any]) -> Any:
        return resolve([argument], {"dag_run": SimpleNamespace(conf=conf), "params": {"declared": 1}})[0]

    assert (of(day, {}), of(day, {"day": "then"}), of(declared, {}), of(declared, {"declared": 2})) == (
        "today",
        "then",
        1,
        2,
    )
    assert of(literal("{{ x }}"), {}) == "{{ x }}"
    with pytest.raises(DagAuthoringError, match="The run has no value for the param 'missing'"):
        of(missing, {})

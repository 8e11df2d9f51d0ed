"""What a run may be given."""

import http.server
import threading
from typing import Any

import pytest

from tradewind.server.contract import UNSET, ProblemReason, SerializedParam
from tradewind.server.domain.params import check_conf, check_params
from tradewind.server.domain.refusals import Refused


def param(value: Any = UNSET, **schema: Any) -> SerializedParam:
    return SerializedParam(value=value, json_schema=schema)


def refusal(params: dict[str, SerializedParam], conf: dict[str, Any]) -> Refused:
    with pytest.raises(Refused) as refused:
        check_conf(params, conf)
    return refused.value


def test_a_value_of_the_configuration_must_meet_the_schema() -> None:
    params = {"number": param(1, type="integer", minimum=1), "word": param("a", enum=["a", "b"])}
    check_conf(params, {})
    check_conf(params, {"number": 3, "word": "b", "other": object})
    refused = refusal(params, {"number": "3"})
    assert (refused.reason, refused.field) == (ProblemReason.INVALID_VALUE, "conf.number")
    assert refused.detail == "conf.number: '3' is not of type 'integer'"
    assert refusal(params, {"word": "c"}).field == "conf.word"


def test_a_wrong_part_of_a_value_is_named() -> None:
    params = {"rows": param(type="array", items={"type": "object", "properties": {"id": {"type": "integer"}}})}
    assert refusal(params, {"rows": [{"id": 1}, {"id": "x"}]}).detail == (
        "conf.rows: [1]['id']: 'x' is not of type 'integer'"
    )


def test_a_parameter_without_default_must_be_given() -> None:
    params = {"day": SerializedParam(json_schema={"type": "string"}, description="the day to load")}
    refused = refusal(params, {})
    assert (refused.reason, refused.field) == (ProblemReason.MISSING_FIELD, "conf.day")
    assert refused.action == "add day to conf (the day to load)"
    check_conf(params, {"day": "monday"})


def test_null_is_a_value_of_its_own() -> None:
    check_conf({"x": param(None)}, {})
    check_conf({"x": param(None, type=["string", "null"])}, {})
    assert refusal({"x": param(None, type="string")}, {}).field == "conf.x"


@pytest.mark.parametrize(
    ("format", "right", "wrong"),
    [
        ("date", "2026-01-31", "2026-02-31"),
        ("date-time", "2026-01-31T00:00:00Z", "2026-01-31T00:00:00"),
        ("date-time", "2026-01-31T00:00:00+01:00", "yesterday"),
        ("ipv4", "127.0.0.1", "localhost"),
    ],
)
def test_formats_count(format: str, right: str, wrong: str) -> None:
    params = {"x": param(type="string", format=format)}
    check_conf(params, {"x": right})
    assert refusal(params, {"x": wrong}).reason is ProblemReason.INVALID_VALUE


def test_a_schema_that_refers_elsewhere_makes_nobody_fetch_it() -> None:
    asked: list[str] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        reference = f"http://127.0.0.1:{server.server_port}/schema.json"
        refused = refusal({"x": param(**{"$ref": reference})}, {"x": 1})
        server.shutdown()
        thread.join()
    assert reference in refused.detail
    assert asked == []


def test_a_schema_may_refer_to_itself_but_not_without_end() -> None:
    tree = param(type="object", properties={"child": {"$ref": "#"}})
    check_conf({"x": tree}, {"x": {"child": {"child": {}}}})
    assert "without end" in refusal({"x": param(**{"$ref": "#"})}, {"x": 1}).detail


def test_long_values_do_not_make_long_messages() -> None:
    assert len(refusal({"x": param(type="integer")}, {"x": "a" * 100_000}).detail) < 1000


def test_a_schema_that_is_none_is_found_when_the_dag_is_parsed() -> None:
    with pytest.raises(ValueError, match="JSON Schema of parameter x is wrong: 'text' is not valid"):
        check_params({"x": param("a", type="text")}, scheduled=False)


def test_runs_of_a_schedule_need_valid_defaults() -> None:
    missing, wrong = {"x": param(type="integer")}, {"x": param("a", type="integer")}
    check_params(missing, scheduled=False)
    check_params(wrong, scheduled=False)
    check_params({"x": param(1, type="integer")}, scheduled=True)
    with pytest.raises(ValueError, match="parameter x has no default"):
        check_params(missing, scheduled=True)
    with pytest.raises(ValueError, match="default of parameter x is wrong.* 'a' is not of type 'integer'"):
        check_params(wrong, scheduled=True)

"""Formats of connections: URIs and JSON as Airflow writes and reads them."""

import json
from typing import Any

import pytest

from tradewind.sdk import Connection
from tradewind.sdk.authoring.connection_uri import parse_text


@pytest.mark.parametrize(
    ("fields", "uri"),
    [
        ({}, "http://"),
        ({"host": "h"}, "http://h"),
        ({"host": "https://h"}, "http://https://h"),
        ({"password": "p"}, "http://:p@"),
        ({"password": ""}, "http://:@"),
        ({"port": 1}, "http://@:1"),
        ({"login": "a@b", "host": "h", "port": 1}, "http://a%40b@h:1"),
        ({"login": "a", "password": "p:/?#@%", "host": "h", "schema": "s/t"}, "http://a:p%3A%2F%3F%23%40%25@h/s%2Ft"),
        ({"host": "2001:db8::1", "port": 5}, "http://2001%3Adb8%3A%3A1:5"),
        ({"host": "https://h/path?x", "login": "u"}, "http://https://u@h%2Fpath%3Fx"),
        ({"host": "h", "extra": {"a": "b c", "d": ""}}, "http://h/?a=b+c&d="),
        ({"host": "h", "schema": "s", "extra": {"a": "b"}}, "http://h/s?a=b"),
        ({"host": "h", "extra": {"a": {"b": 1}}}, "http://h/?__extra__=%7B%22a%22%3A+%7B%22b%22%3A+1%7D%7D"),
        ({"host": "h", "extra": "no json"}, "http://h/?__extra__=no+json"),
        ({"host": "h", "extra": {"__extra__": "x"}}, "http://h/?__extra__=%7B%22__extra__%22%3A+%22x%22%7D"),
    ],
)
def test_every_part_of_a_uri_is_quoted_and_comes_back(fields: dict[str, Any], uri: str) -> None:
    connection = Connection("c", "http", **fields)
    assert connection.get_uri() == uri
    assert Connection.from_uri(uri, "c") == connection


@pytest.mark.parametrize(
    ("uri", "fields"),
    [
        ("postgresql://h", {"conn_type": "postgres", "host": "h"}),
        ("google-cloud-platform://?key=v", {"conn_type": "google_cloud_platform", "extra": '{"key": "v"}'}),
        ("Http://Host.Example:8080/S", {"conn_type": "http", "host": "Host.Example", "port": 8080, "schema": "S"}),
        ("http://u:@[::1]:5/", {"conn_type": "http", "login": "u", "password": "", "host": "::1", "port": 5}),
        ("http://h/?url=https://x/y", {"conn_type": "http", "host": "h", "extra": '{"url": "https://x/y"}'}),
        ("://h", {"conn_type": "generic", "host": "h"}),
    ],
)  # fmt: skip
def test_other_ways_to_write_a_uri_are_read(uri: str, fields: dict[str, Any]) -> None:
    assert Connection.from_uri(uri, "c") == Connection("c", **fields)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("h:80", "is like type://login:password@host"),
        ("a://b://c://d", "is like type://login:password@host"),
        ("a://u@p://h", "a protocol of the host stands before login and password"),
        ("a://h:x", "the port must be a number from 0 to 65535"),
        ("a://h:65536", "the port must be a number from 0 to 65535"),
        ("a://[::1", "begins with \\[ and has no ] at its end"),
        ("a://u:p@[::1/x", "begins with \\[ and has no ] at its end"),
        ("a://[::1]x", "behind the ] of the host's address stands :port or nothing"),
        ("a://[::1]:x", "the port must be a number from 0 to 65535"),
    ],
)
def test_what_is_no_uri_is_refused(uri: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Connection.from_uri(uri)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"description": "words", "host": "h", "login": "u", "password": "p", "schema": "s", "port": 0},
        {"extra": {"a": {"b": [1]}}},
        {"extra": "no json"},
    ],
)
def test_json_comes_back(fields: dict[str, Any]) -> None:
    connection = Connection("c", "http", **fields)
    text = connection.as_json()
    assert Connection.from_json(text, "c") == connection
    assert json.loads(text).keys() <= {"conn_type", *fields}


def test_the_extra_of_json_may_be_an_object_and_its_port_text() -> None:
    text = '{"conn_type": "postgresql", "port": "5432", "extra": {"a": 1}, "host": null}'
    assert Connection.from_json(text, "c") == Connection("c", "postgres", port=5432, extra='{"a": 1}')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{s3cret", "it is no JSON: .* at line 1, column 2"),
        ("[" * 20_000, "it is no JSON that can be read: it is nested too deep"),
        ("[]", "it must be a JSON object"),
        ('{"hots": "h"}', "it has an unknown field hots; fields are conn_type"),
        ('{"port": "x"}', "the port must be a number"),
    ],
)
def test_json_that_is_no_connection_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"The JSON of connection 'c' is wrong: {words}") as error:
        Connection.from_json(text, "c")
    assert "s3cret" not in str(error.value)


def test_a_text_is_json_or_a_uri() -> None:
    assert parse_text(' {"conn_type": "http"}\n') == parse_text("http://\n")

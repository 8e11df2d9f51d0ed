"""Rules of hiding secrets in text."""

import base64
import json
import threading
import urllib.parse

import pytest

from tradewind.sdk.contract import Connection, Secrets, Variable
from tradewind.sdk.masking import Masker, secret_values

SECRET = 'p4ss/w"rd+ü\\x'


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        urllib.parse.quote(SECRET),
        urllib.parse.quote(SECRET, safe=""),
        urllib.parse.quote_plus(SECRET),
        urllib.parse.quote(SECRET, safe="").lower(),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        repr(SECRET)[1:-1],
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_hidden_in_its_usual_forms(text: str) -> None:
    assert Masker([SECRET]).mask(f"<{text}>") == "<***>"


@pytest.mark.parametrize("user", ["a", "ab", "abc", "abcd"])
def test_a_secret_in_the_middle_of_an_encoded_text_is_hidden(user: str) -> None:
    password = "a long enough password"
    header = base64.b64encode(f"{user}:{password}".encode()).decode()
    masked = Masker([password]).mask(f"Basic {header}")
    assert "***" in masked
    left = masked.removeprefix("Basic ").replace("***", "")
    assert len(left) <= len(header) - (len(password) * 8 // 6 - 2)


def test_short_values_and_plain_words_are_no_secrets() -> None:
    masker = Masker(["ab", "", "true", "None", "null"])
    assert masker.mask("ab true None null") == "ab true None null"
    assert masker.longest == 0
    assert Masker(["abc"]).mask("xabcx") == "x***x"


def test_overlapping_and_neighbouring_secrets_become_one_mask() -> None:
    masker = Masker(["abc123", "123xyz", "secret"])
    assert masker.mask("<abc123xyz>") == "<***>"
    assert masker.mask("<secretsecret>") == "<***>"
    assert masker.mask("<secret secret>") == "<*** ***>"


def test_a_longer_secret_comes_before_one_within_it() -> None:
    assert Masker(["pass", "password1"]).mask("password1 pass") == "*** ***"


def test_each_line_of_a_key_is_hidden() -> None:
    key = "-----BEGIN KEY-----\nAAAABBBBCCCC\n-----END KEY-----\n"
    masker = Masker([key])
    assert masker.mask("AAAABBBBCCCC") == "***"
    assert masker.mask(key) == "***"
    assert masker.mask(json.dumps(key)) == '"***"'


def test_secrets_are_added_later() -> None:
    masker = Masker()
    assert masker.mask("later") == "later"
    masker.add(["later"])
    assert masker.mask("later") == "***"
    assert masker.longest >= len("later")


def test_threads_may_mask_while_secrets_are_added() -> None:
    masker = Masker(["first"])
    failures: list[BaseException] = []

    def mask() -> None:
        try:
            for _ in range(300):
                assert masker.mask("the first") == "the ***"
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    thread = threading.Thread(target=mask)
    thread.start()
    for number in range(50):
        masker.add([f"another-{number}"])
    thread.join()
    assert failures == []
    assert masker.mask("another-0 another-49") == "*** ***"


def test_the_longest_form_is_known() -> None:
    assert Masker(["abcdef"]).longest == len(base64.b64encode(b"abcdef"))


def test_what_is_secret_of_connections_and_variables() -> None:
    secrets = Secrets(
        connections=[
            Connection(
                conn_id="c",
                conn_type="t",
                host="host.example",
                login="user",
                password="hunter2",
                extra='{"region": "eu-west-1", "api_token": "tok", "pass": 12345, "nested":'
                ' {"list": ["0123456789abcdef"]}, "n": 5}',
            ),
            Connection(conn_id="d", conn_type="t", extra="no json"),
        ],
        variables=[
            Variable(key="v", value='{"password": ["pw1", "pw2"], "mode": "fast"}'),
            Variable(key="w", value="x1y"),
        ],
    )
    found = set(secret_values(secrets))
    assert {"hunter2", "tok", "12345", "fast", "0123456789abcdef", "no json", "pw1", "pw2", "x1y"} <= found
    assert not {"host.example", "user", "eu-west-1", "t", "5"} & found
    assert secrets.connections[0].extra in found
    assert secrets.variables[0].value in found


def test_a_variable_that_is_deeply_nested_is_hidden_as_a_whole() -> None:
    value = "[" * 100_000
    assert value in set(secret_values(Secrets(connections=[], variables=[Variable(key="v", value=value)])))

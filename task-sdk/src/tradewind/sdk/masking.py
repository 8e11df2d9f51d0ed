"""Hides secrets in text: each value that a task was given, and the forms in which programs usually write one."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from tradewind.sdk.contract import Connection, Secrets, Variable

MASK = "***"
"""What stands in the place of a secret."""

MIN_LENGTH = 3
"""Characters below which a value is no secret: it would hide half of every text."""

_MIN_CORE = 8
_MIN_LINE = 8
_MIN_UNNAMED = 16
_MAX_ENCODED = 4096
_WORDS = frozenset({"true", "false", "null", "none"})
_SENSITIVE = re.compile(
    r"pass|secret|token|key|credential|authorization|private|signature|sas|dsn|uri|url", re.IGNORECASE
)


class Masker:
    """Replaces secrets by `***`.

    Found are the values themselves and their usual encodings: quoted for a URL, in Base64 (also in the middle of a
    longer text that was encoded), escaped for JSON and for Python; of a value of several lines each line by itself.

    Args:
        values: the secrets. Those of fewer than three characters, and words such as `true`, are passed over.
    """

    _forms: tuple[str, ...] = ()
    _pattern = re.compile("")

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._turn = threading.Lock()
        if values:
            self.add(values)

    def add(self, values: Iterable[str]) -> None:
        """Hide these, too, from now on; other threads may mask meanwhile."""
        with self._turn:
            known = set(self._forms)
            forms = known.union(*map(_forms, values))
            if forms == known:
                return
            longest_first = sorted(forms, key=lambda form: (-len(form), form))
            # A look-ahead, because secrets may overlap: the end of one must not stay when the next begins within it.
            self._pattern = re.compile(f"(?=({'|'.join(map(re.escape, longest_first))}))")
            self._forms = tuple(longest_first)

    @property
    def longest(self) -> int:
        """Characters of the longest form of a secret: what has to be held back of a text that goes on."""
        return len(self._forms[0]) if self._forms else 0

    def mask(self, text: str) -> str:
        """The text with each secret in it replaced; neighbouring secrets become one mask."""
        if not any(form in text for form in self._forms):
            return text
        pieces: list[str] = []
        end = 0
        for start, stop in _merged((found.start(1), found.end(1)) for found in self._pattern.finditer(text)):
            pieces += (text[end:start], MASK)
            end = stop
        return "".join((*pieces, text[end:]))


def secret_values(secrets: Secrets) -> Iterator[str]:
    """What is to be hidden of the secrets that came with a task."""
    for connection in secrets.connections:
        yield from connection_values(connection)
    for variable in secrets.variables:
        yield from variable_values(variable)


def connection_values(connection: Connection) -> Iterator[str]:
    """What is to be hidden of a connection: its password, its extra, and texts in it that look like secrets.

    Those are texts under a name such as `token` or `private_key`, and any of 16 characters and more. Host and login
    are no secrets.
    """
    if connection.password:
        yield connection.password
    if connection.extra:
        yield connection.extra
        yield from _texts(connection.extra, shortest=_MIN_UNNAMED)


def variable_values(variable: Variable) -> Iterator[str]:
    """What is to be hidden of a variable: its value, and, if that is JSON, every text in it."""
    yield variable.value
    yield from _texts(variable.value, shortest=0)


def given_values(secret: object, name: str | None = None) -> Iterator[str]:
    """What is to be hidden of what user code says is secret: of a dict its values, of other collections each item.

    Args:
        secret: the value.
        name: what it is called; under a name that does not speak of a secret nothing is hidden.
    """
    if isinstance(secret, Mapping):
        for key, value in secret.items():
            yield from given_values(value, str(key))
    elif isinstance(secret, str):
        if name is None or _SENSITIVE.search(name):
            yield secret
    elif isinstance(secret, Iterable):
        for item in secret:
            yield from given_values(item, name)


def _texts(text: str, shortest: int) -> Iterator[str]:
    """Texts in a JSON value: those under a name that speaks of a secret, numbers too, and others of some length."""
    try:
        waiting: list[tuple[bool, Any]] = [(False, json.loads(text))]
    except (ValueError, RecursionError):
        return
    while waiting:
        sensitive, item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend((sensitive or bool(_SENSITIVE.search(key)), value) for key, value in item.items())
        elif isinstance(item, list):
            waiting.extend((sensitive, value) for value in item)
        elif isinstance(item, str) and (sensitive or len(item) >= shortest):
            yield item
        elif sensitive and isinstance(item, int | float):
            yield str(item)


def _forms(value: str) -> Iterator[str]:
    for part in (value, value.strip(), *_lines(value)):
        if len(part) < MIN_LENGTH or part.lower() in _WORDS:
            continue
        yield part
        yield json.dumps(part)[1:-1]
        yield json.dumps(part, ensure_ascii=False)[1:-1]
        yield repr(part)[1:-1]
        if len(part) <= _MAX_ENCODED:
            yield from _encodings(part)


def _lines(value: str) -> Iterator[str]:
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= _MIN_LINE)


def _encodings(value: str) -> Iterator[str]:
    data = value.encode("utf-8", "surrogatepass")
    for form in (quote(data), quote(data, safe=""), quote_plus(data)):
        yield form
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), form)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(data).decode()
        yield whole
        if len(whole.rstrip("=")) > MIN_LENGTH:
            yield whole.rstrip("=")
        # In the middle of a longer text the value begins at one of three places in a group of four characters;
        # the characters that it shares with its neighbours are cut off.
        for before in range(3):
            encoded = encode(b"\0" * before + data).decode().rstrip("=")
            first = (0, 2, 3)[before]
            last = (before + len(data)) * 8 // 6
            core = encoded[first:last]
            if len(core) >= _MIN_CORE:
                yield core


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Spans, in the order of their beginning, with those that touch made one."""
    begin = end = -1
    for start, stop in spans:
        if start > end:
            if end >= 0:
                yield begin, end
            begin, end = start, stop
        else:
            end = max(end, stop)
    if end >= 0:
        yield begin, end

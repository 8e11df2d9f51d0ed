"""Hides secrets in text that leaves a try: its output, its log, the messages of its errors."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from tradewind.sdk.contract import Connection, Variable

MASK = "***"
SHORTEST = 3
"""A shorter text is no secret: masking it would make a log unreadable and tell its length."""

_SECRET_NAME = re.compile(r"pass|secret|token|key|auth|credential|private", re.IGNORECASE)


class Masker:
    """Replaces secrets, in the forms in which they usually appear: plain, JSON, URL-quoted, base64.

    A secret of several lines is also each of its lines, since logs are masked line by line.
    """

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    @property
    def longest(self) -> int:
        """Characters of the longest form; 0 when there is nothing to hide."""
        return max(map(len, self._forms), default=0)

    def add(self, secret: str) -> None:
        """Hide a text from now on; one of fewer than three characters is left alone."""
        before = len(self._forms)
        for text in {secret, *secret.splitlines()}:
            if len(text.strip()) >= SHORTEST:
                self._forms.update(_forms_of(text))
        if len(self._forms) != before:
            # The longest first: a form may be part of another.
            self._pattern = re.compile("|".join(map(re.escape, sorted(self._forms, key=len, reverse=True))))

    def add_variable(self, variable: Variable) -> None:
        """Hide a variable: all of it, and each text in it when it is JSON."""
        self.add(variable.value)
        if variable.value[:1] in {"{", "["}:
            self._add_texts_of(variable.value, named_ones=False)

    def add_connection(self, connection: Connection) -> None:
        """Hide the password of a connection, and what its extra calls a secret."""
        if connection.password:
            self.add(connection.password)
        if connection.extra:
            self._add_texts_of(connection.extra, named_ones=True)

    def _add_texts_of(self, text: str, *, named_ones: bool) -> None:
        try:
            found = json.loads(text)
        except ValueError:
            if named_ones:
                self.add(text)
            return
        for secret in _texts(found, wanted=not named_ones):
            self.add(secret)

    def mask(self, text: str) -> str:
        """The text with `***` in place of each secret."""
        return text if self._pattern is None else self._pattern.sub(MASK, text)


def _texts(value: object, *, wanted: bool) -> list[str]:
    """Texts in a JSON value: all of them, or those below a name that speaks of a secret."""
    if isinstance(value, dict):
        pairs = ((wanted or bool(_SECRET_NAME.search(str(name))), inner) for name, inner in value.items())
        return [text for is_wanted, inner in pairs for text in _texts(inner, wanted=is_wanted)]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner, wanted=wanted)]
    return [str(value)] if wanted and isinstance(value, str | int | float) and not isinstance(value, bool) else []


def _forms_of(secret: str) -> set[str]:
    raw = secret.encode()
    escaped = json.dumps(secret)[1:-1]
    forms = {
        secret,
        escaped,
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        repr(secret)[1:-1],
    }
    return {form for form in forms if len(form) >= SHORTEST}

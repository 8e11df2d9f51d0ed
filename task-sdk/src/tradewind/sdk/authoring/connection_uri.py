"""Connections as URIs and as JSON, in the formats of Airflow, so that a connection can be moved from there as it is.

A URI is `type://login:password@host:port/schema?key=value`; every part is quoted and may be absent. A host that has a
protocol of its own is written as `type://protocol://host`. Settings beyond that are the query, or the one parameter
`__extra__` when a query cannot carry them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

EXTRA_KEY: Final = "__extra__"
"""Parameter of a URI that holds the whole of `extra` as text."""

GENERIC: Final = "generic"
"""Type of a connection that names none."""

_SYNONYMS: Final = {"postgresql": "postgres"}
_JSON_KEYS: Final = ("conn_type", "description", "login", "password", "host", "port", "schema", "extra")


@dataclass(frozen=True)
class ConnectionFields:
    """What a URI or JSON says of a connection."""

    conn_type: str = GENERIC
    description: str | None = None
    host: str | None = None
    login: str | None = None
    password: str | None = None
    schema: str | None = None
    port: int | None = None
    extra: str | None = None

    def as_arguments(self) -> dict[str, Any]:
        """Arguments of `Connection`."""
        return asdict(self)


def type_name(written: str) -> str:
    """A type as it is written in a URI or by hand, under the name that it has here."""
    name = written.lower().replace("-", "_")
    return _SYNONYMS.get(name, name) or GENERIC


def parse_uri(uri: str) -> ConnectionFields:
    """What a URI says.

    Raises:
        ValueError: it is none. The sentence does not repeat it: it may hold a password.
    """
    scheme, separator, rest = uri.partition("://")
    rest, _, query = rest.partition("?")
    if not separator or rest.count("://") > 1:
        raise ValueError("a connection's URI is like type://login:password@host:port/schema?key=value")
    protocol, separator, after = rest.partition("://")
    if separator:
        if "@" in protocol or ":" in protocol:
            raise ValueError("a protocol of the host stands before login and password: type://protocol://login@host")
        rest = after
    authority, _, path = rest.partition("/")
    user, _, place = authority.rpartition("@")
    login, colon, password = user.partition(":")
    host, port = _place(place)
    host = unquote(host)
    return ConnectionFields(
        conn_type=type_name(scheme),
        host=(f"{protocol}://{host}" if separator and host else host) or None,
        login=unquote(login) or None,
        password=unquote(password) if colon else None,
        schema=unquote(path) or None,
        port=port,
        extra=_extra_of(query),
    )


def compose_uri(fields: ConnectionFields) -> str:
    """The URI that says what the fields say."""
    scheme = fields.conn_type.lower().replace("_", "-")
    host = fields.host or ""
    protocol, separator, inner = host.partition("://")
    if separator:
        host = inner
    user = quote(fields.login or "", safe="")
    if fields.password is not None:
        user += f":{quote(fields.password, safe='')}"
    port = "" if fields.port is None else f":{fields.port}"
    place = f"{user}@" if user else "@" if port and not host else ""
    place += f"{quote(host, safe='')}{port}"
    schema = f"/{quote(fields.schema, safe='')}" if fields.schema else ""
    query = _query(fields.extra)
    if query:
        query = f"?{query}" if schema else f"/?{query}"
    return f"{scheme}://{f'{protocol}://' if separator else ''}{place}{schema}{query}"


def parse_json(text: str) -> ConnectionFields:
    """What a JSON object says that has fields of a connection; `extra` may be text or an object.

    Raises:
        ValueError: it is no such object. The sentence does not repeat it.
    """
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("it is no JSON that can be read: it is nested too deep") from None
    if not isinstance(given, dict):
        raise ValueError("it must be a JSON object")  # noqa: TRY004 - one kind of error for every fault of a text
    unknown = given.keys() - {*_JSON_KEYS, "conn_id"}
    if unknown:
        raise ValueError(f"it has an unknown field {min(unknown)}; fields are {', '.join(_JSON_KEYS)}")
    known = {name: given[name] for name in _JSON_KEYS if given.get(name) is not None}
    if isinstance(known.get("extra"), dict | list):
        known["extra"] = json.dumps(known["extra"])
    if "port" in known:
        known["port"] = _port(str(known["port"]))
    known["conn_type"] = type_name(str(known.get("conn_type", "")))
    return ConnectionFields(**known)


def compose_json(fields: ConnectionFields) -> str:
    """The JSON object that says what the fields say; what is absent is left out."""
    said: Mapping[str, Any] = asdict(fields)
    return json.dumps({name: said[name] for name in _JSON_KEYS if said[name] not in {None, ""}})


def parse_text(text: str) -> ConnectionFields:
    """What a text says that is a JSON object or a URI, as in an environment variable.

    Raises:
        ValueError: it is neither.
    """
    return parse_json(text) if text.lstrip().startswith("{") else parse_uri(text.strip())


def _place(place: str) -> tuple[str, int | None]:
    """Host and port; an IPv6 address may stand in brackets."""
    if place.startswith("["):
        host, bracket, port = place[1:].partition("]")
        if not bracket:
            raise ValueError("the address of the host begins with [ and has no ] at its end")
        if port and not port.startswith(":"):
            raise ValueError("behind the ] of the host's address stands :port or nothing")
        return host, _port(port.removeprefix(":"))
    host, _, port = place.partition(":")
    return host, _port(port)


def _port(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or int(text) > 65535:
        raise ValueError("the port must be a number from 0 to 65535")
    return int(text)


def _extra_of(query: str) -> str | None:
    settings = dict(parse_qsl(query, keep_blank_values=True))
    if not settings:
        return None
    return settings[EXTRA_KEY] if EXTRA_KEY in settings else json.dumps(settings)


def _query(extra: str | None) -> str:
    if not extra:
        return ""
    try:
        settings = json.loads(extra)
    except (ValueError, RecursionError):
        settings = None
    if isinstance(settings, dict) and settings and all(isinstance(value, str) for value in settings.values()):
        query = urlencode(settings)
        if EXTRA_KEY not in settings and dict(parse_qsl(query, keep_blank_values=True)) == settings:
            return query
    return urlencode({EXTRA_KEY: extra})

"""A client of the public API that shares no code with the product."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

TIMEOUT_SECONDS = 30.0


class ApiError(AssertionError):
    """The server refused; `status` is HTTP's and `problem` the body."""

    def __init__(self, method: str, path: str, status: int, problem: Any) -> None:
        super().__init__(f"{method} {path}: {status} {problem}")
        self.status = status
        self.problem = problem


@dataclass(frozen=True)
class Api:
    """The public API of one server, seen with one credential."""

    url: str
    token: str

    def get(self, *path: str, **query: object) -> Any:
        return self._call("GET", path, query=query)

    def post(self, *path: str, body: object) -> Any:
        return self._call("POST", path, body=body)

    def patch(self, *path: str, body: object) -> Any:
        return self._call("PATCH", path, body=body)

    def stream(self, *path: str) -> Iterator[Any]:
        """Yield the JSON lines of an answer as they come."""
        with self._open("GET", "/" + "/".join(map(_quoted, path)), None) as answer:
            for line in answer:
                yield json.loads(line)

    def answers(self) -> bool:
        """Tell whether the server says that it is well."""
        try:
            return bool(self.get("monitor", "health"))
        except (ApiError, OSError):
            return False

    def _call(
        self, method: str, path: tuple[str, ...], body: object = None, query: dict[str, object] | None = None
    ) -> Any:
        target = "/" + "/".join(map(_quoted, path)) + (f"?{urlencode(query)}" if query else "")
        with self._open(method, target, body) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def _open(self, method: str, target: str, body: object) -> Any:
        request = urllib.request.Request(f"{self.url}/api/v2{target}", method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        try:
            return urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
        except urllib.error.HTTPError as error:
            with error:
                content = error.read().decode(errors="replace")
            try:
                problem = json.loads(content)
            except json.JSONDecodeError:
                problem = content
            raise ApiError(method, target, error.code, problem) from None


def _quoted(part: str) -> str:
    return quote(part, safe="~")
